//! What stands in for a person's browser: opens a page over plain HTTP and follows where it leads, to the end. `BROWSER` names
//! this program with `--visit`.

use std::{error::Error, time::Duration};

use http::{Uri, uri::PathAndQuery};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// The page is approved where it is opened: it leads back to who opened it.
pub(crate) async fn visit(url: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut url = url.to_owned();
    for _ in 0..MOST_PAGES {
        let page = timeout(PATIENCE, open(&url)).await??;
        match location(&page) {
            Some(location) => url = location.to_owned(),
            None if page.starts_with("HTTP/1.1 200 ") => return Ok(()),
            None => return Err(page.lines().next().unwrap_or("an empty answer").into()),
        }
    }
    Err("the pages lead in a circle".into())
}

async fn open(url: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
    let uri: Uri = url.parse()?;
    let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http")).ok_or("not a page over plain HTTP")?;
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let mut stream = TcpStream::connect(authority.as_str()).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut page = String::new();
    stream.take(MOST_BYTES).read_to_string(&mut page).await?;
    Ok(page)
}

fn location(page: &str) -> Option<&str> {
    let head = page.lines().skip(1).take_while(|line| !line.is_empty());
    head.filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("location"))
        .map(|(_, value)| value.trim())
}

const MOST_PAGES: usize = 5;
const MOST_BYTES: u64 = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_looked_for_in_the_head_alone() {
        let page = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/a?b=c\r\n\r\nlocation: no";
        assert_eq!(location(page), Some("http://127.0.0.1:1/a?b=c"));
        assert_eq!(location("HTTP/1.1 200 OK\r\n\r\nlocation: no"), None);
    }

    #[tokio::test]
    async fn only_plain_pages_are_opened() {
        assert!(visit("https://127.0.0.1:1/").await.is_err());
    }
}
