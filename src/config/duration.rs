//! Durations as a person writes them: `45m`, `1h30m`, `90s`, `2d`.

use std::time::Duration;

/// Reads a duration. The error says how one is written.
///
/// ```
/// use std::time::Duration;
/// use credenza::config::duration::parse;
/// assert_eq!(parse("1h30m"), Ok(Duration::from_secs(5400)));
/// assert!(parse("90").unwrap_err().contains("90s"));
/// ```
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration: write one like 90s, 45m or 1h30m");
    let mut total = 0_u64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = rest.split_at(digits);
        let secs = match unit.chars().next() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => 86_400,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        total = number.checked_mul(secs).and_then(|secs| total.checked_add(secs)).ok_or_else(wrong)?;
        rest = &unit[1..];
    }
    Ok(Duration::from_secs(total))
}

/// Reads how long a right is to last: from a second to ten years.
///
/// ```
/// use credenza::config::duration::life;
/// assert!(life("8h").is_ok());
/// assert!(life("0s").is_err() && life("3651d").is_err());
/// ```
pub fn life(text: &str) -> Result<Duration, String> {
    let life = parse(text)?;
    let fits = !life.is_zero() && life <= TEN_YEARS;
    if fits { Ok(life) } else { Err(format!("`{text}` is not between a second and ten years (3650d)")) }
}

const TEN_YEARS: Duration = Duration::from_secs(3650 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_writes() {
        for (text, secs) in [("90s", 90), ("45m", 2700), ("12h", 43_200), ("1h30m", 5400), ("2d", 172_800), (" 1s ", 1)]
        {
            assert_eq!(parse(text), Ok(Duration::from_secs(secs)), "{text}");
        }
        for text in ["", "5", "h", "1x", "-1h", "1h 5", "1.5h", "99999999999999999999s", "18446744073709551615d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
