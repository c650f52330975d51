//! The links of a page by html5ever's tokenizer, which is what they are measured against.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

/// Returns what the elements `a` refer to, decoded.
pub(crate) fn references(html: &str) -> Vec<String> {
    let tokenizer = Tokenizer::new(References::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    let _finished = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.0.into_inner()
}

#[derive(Default)]
struct References(RefCell<Vec<String>>);

impl References {
    fn on_start(&self, tag: &Tag) -> TokenSinkResult<()> {
        match &*tag.name {
            "a" => {
                let href = tag
                    .attrs
                    .iter()
                    .find(|attribute| &*attribute.name.local == "href");
                let href = href.map(|attribute| attribute.value.trim().to_owned());
                self.0.borrow_mut().extend(href);
                TokenSinkResult::Continue
            }
            "title" => TokenSinkResult::RawData(RawKind::Rcdata),
            _ => TokenSinkResult::Continue,
        }
    }
}

impl TokenSink for References {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => self.on_start(&tag),
            _ => TokenSinkResult::Continue,
        }
    }
}
