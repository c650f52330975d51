//! A page at `/parts/` that is more than its links: it is shown with parts of every form, it has forms, and its style
//! sheets name more. Nothing on the site leads there.
//!
//! What only looks like a part is called `never-N`; what another host has is called `elsewhere-N`.

use warp::http::StatusCode;

use crate::web::reply::{Refusal, Reply, answer, html};

/// Replies to what stands below `/parts/`; `other` is another host.
pub(crate) fn reply(other: &str, segments: &[&str]) -> Result<Reply, Refusal> {
    let typed = |content_type, body: &'static str| answer(StatusCode::OK, content_type, body);
    Ok(match *segments {
        [""] => html(PAGE.replace("{other}", other)),
        ["next" | "ask"] => html("<!DOCTYPE html>\n<title>No parts</title>\n"),
        ["style", "main.css"] => typed("text/css", MAIN),
        ["style", "more.css"] => typed("text/css; charset=utf-8", MORE),
        ["style", _] => typed("text/css", ""),
        ["img", _] => answer(StatusCode::OK, "image/png", PIXEL),
        [_] => typed("text/plain", "A part.\n"),
        _ => return Err(Refusal::Unknown),
    }
    .into())
}

const PAGE: &str = r##"<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Parts</title>
<link rel="stylesheet" href="style/main.css">
<link rel="alternate stylesheet" href="style/other.css">
<link rel="Shortcut Icon" href="img/icon.png">
<link rel="preload" as="image" href="img/preload-1.png" imagesrcset="img/preload-2.png 2x">
<link rel="prefetch" href="never-1"><link rel="preconnect" href="never-2">
<script src="script.js"></script><script>document.write('<img src="never-3">')</script>
<style>@import "style/inline.css"; body { background: url(img/body.png) } /* url(never-4) */</style>
</head><body style="background-image: image-set('img/set-1.png' 1x, url(&quot;img/set-2.png&quot;) 2x)">
<img src="img/a.png" srcset="img/a,1.png 1x,img/a-2.png 2x, never-5 2" alt="A">
<picture><source srcset="img/b-480.png 480w,&#10;img/b-800.png 800w"><img src="img/b.png" alt="B"></picture>
<video src="film" poster="img/poster.png"><track src="words.vtt"></video><audio><source src="sound"></audio>
<embed src="embed"><object data="object"></object><input type="image" src="img/input.png"><input src="never-6">
<svg><image href="img/svg.png"/><use xlink:href="img/sprite.svg#a"/><use href="#a"/></svg>
<table background="img/table.png"><tr><td>Table</td></tr></table>
<template><img src="never-7"></template><!-- <img src="never-8"> -->
<img src="{other}/parts/img/elsewhere-1.png" alt=""><img src="data:image/png;base64,AAAA" alt="">
<form action="ask?of=1"><input name="never-9" value="1"></form>
<form action="never-10" method="post"></form><form action="never-11" method="dialog"></form><form></form>
<a href="next">Next</a>
</body></html>
"##;

/// It stands in a folder of its own, so that its URLs are other ones if they are read against the page.
const MAIN: &str = r#"@charset "utf-8";
@import url("more.css") screen;
@namespace svg url(never-12);
/* url(never-13) */
a { background: URL( ../img/css.png ); content: "url(never-14)" }
b { background: url(never-15 never-16); color: curl(never-17) }
@media print { @supports (a: b) { c { --d: url('../img/p\72int.png') } } }
@font-face { src: local("never-18"), url(../font) format("woff2") }
d { cursor: url(../img/last.png"#;

const MORE: &str = "@import 'main.css';\ne{background:url(\"../img/m\\6f re.png\")}\n";

/// It is no image, and nobody looks.
const PIXEL: &str = "pixel";
