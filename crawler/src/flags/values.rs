//! How the values of flags are written: numbers of things, times, rates and addresses.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use ipnet::IpNet;

/// The longest time there is for a flag, in milliseconds: a day.
const DAY_MS: u64 = 86_400_000;

/// Reads a number of things of which there may be none.
pub(super) fn number<N: TryFrom<u64>>(text: &str) -> Result<N, String> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err("write a whole number of at least 0".to_owned());
    }
    let number = text.parse().ok().map(N::try_from);
    let number = number.and_then(Result::ok);
    number.ok_or_else(|| "so many are not counted here; write less".to_owned())
}

/// Reads the address of a server.
pub(super) fn server(text: &str) -> Result<SocketAddr, String> {
    let advice = "write an IP address with its port, such as 127.0.0.1:53 or [::1]:53";
    text.parse().map_err(|_| advice.to_owned())
}

/// Reads the addresses of a network.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let advice = "write a network such as 10.1.0.0/16 or fd00::/8, or one address as 10.1.2.3/32";
    text.parse().map_err(|_| advice.to_owned())
}

/// Reads a number of things of which there must be one.
pub(super) fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    let number: usize = text
        .parse()
        .map_err(|_| "write a whole number of at least 1".to_owned())?;
    NonZeroUsize::new(number).ok_or_else(|| "nothing would be fetched; write at least 1".to_owned())
}

/// Reads a time that may be none.
pub(super) fn delay(text: &str) -> Result<Duration, String> {
    match text {
        "0" | "0s" | "0ms" => Ok(Duration::ZERO),
        _ => time(text),
    }
}

/// Reads a number with its unit; a bare number is seconds.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let (number, unit) = number_and_unit(text, "write a time such as 500ms, 30s or 2m")?;
    let milliseconds = match unit {
        "ms" => Some(number),
        "" | "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        _ => return Err(format!("{unit:?} is no unit; write ms, s or m")),
    };
    match milliseconds {
        Some(0) => Err("nothing takes no time; write at least 1ms".to_owned()),
        Some(milliseconds) if milliseconds <= DAY_MS => Ok(Duration::from_millis(milliseconds)),
        _ => Err("write at most a day: 1440m".to_owned()),
    }
}

/// Reads how many a second or a minute, such as 200/s; returns the time between two.
pub(super) fn rate(text: &str) -> Result<Duration, String> {
    let (number, per) = match text.split_once('/') {
        None | Some((_, "s")) => (text.trim_end_matches("/s"), Duration::from_secs(1)),
        Some((number, "m")) => (number, Duration::from_secs(60)),
        Some((_, unit)) => return Err(format!("{unit:?} is no unit; write 200/s or 30/m")),
    };
    match number.parse() {
        Ok(0) => Err("nothing would be fetched; write at least 1/m".to_owned()),
        Ok(number) => Ok(per / number),
        Err(_) => {
            Err("write a whole number a second or a minute, such as 200/s or 30/m".to_owned())
        }
    }
}

/// Reads a number of bytes with its unit; a bare number is MiB.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = number_and_unit(text, "write a size such as 512KiB, 10MiB or 1GiB")?;
    let shift = match unit {
        "B" => 0,
        "KiB" => 10,
        "" | "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => {
            return Err(format!(
                "{unit:?} is no unit; write B, KiB, MiB, GiB or TiB"
            ));
        }
    };
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| "no disk holds so much; write less".to_owned())
}

/// Reads a number of bytes of which there must be some.
pub(super) fn some_bytes(text: &str) -> Result<u64, String> {
    match size(text)? {
        0 => Err("nothing would be read; write at least 1B".to_owned()),
        bytes => Ok(bytes),
    }
}

/// Splits a number from what follows it.
fn number_and_unit<'a>(text: &'a str, advice: &str) -> Result<(u64, &'a str), String> {
    let digits = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number = number.parse().map_err(|_| advice.to_owned())?;
    Ok((number, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_a_bare_number_is_seconds() {
        assert_eq!(time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(time("30"), time("30s"));
        assert_eq!(time("2m"), Ok(Duration::from_secs(120)));
    }

    #[test]
    fn no_time_and_too_much_time_are_refused() {
        for text in ["0s", "", "-1s", "5h", "99999999999999999999s", "2000m"] {
            assert!(time(text).is_err(), "{text}");
        }
        assert_eq!(delay("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn a_concurrency_of_none_is_refused_with_its_reason() {
        assert!(at_least_one("0").unwrap_err().contains("at least 1"));
    }

    #[test]
    fn what_is_no_number_or_address_is_told_what_to_write() {
        assert_eq!(number("0"), Ok(0u16));
        assert_eq!(number("65535"), Ok(u16::MAX));
        for text in ["", "-1", "+1", "1.5", "many"] {
            assert!(number::<u64>(text).unwrap_err().contains("whole number"));
        }
        for text in ["65536", "99999999999999999999"] {
            assert!(number::<u16>(text).unwrap_err().contains("write less"));
        }
        assert!(server("127.0.0.1").unwrap_err().contains("127.0.0.1:53"));
        assert!(network("10.1.2.3").unwrap_err().contains("10.1.2.3/32"));
    }

    #[test]
    fn a_rate_is_a_time_between_two() {
        assert_eq!(rate("200/s"), Ok(Duration::from_millis(5)));
        assert_eq!(rate("4"), rate("4/s"));
        assert_eq!(rate("30/m"), Ok(Duration::from_secs(2)));
        for text in ["0", "-1/s", "3/h", "fast", "1.5/s", ""] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_have_units_and_a_bare_number_is_mebibytes() {
        assert_eq!(size("10"), size("10MiB"));
        assert_eq!(size("2GiB"), Ok(2 << 30));
        assert_eq!(size("512KiB"), Ok(512 << 10));
        assert_eq!(size("0"), Ok(0));
        for text in ["", "MiB", "1MB", "-1", "1.5GiB", "99999999999TiB"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert!(some_bytes("0B").unwrap_err().contains("at least 1B"));
    }
}
