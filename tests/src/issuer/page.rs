//! Lists that come in pages.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::http::{Answer, Request};

/// Something that can stand in a list.
pub(super) struct Item {
    /// Its place among all that were ever made: pages stay as they are when others go or come.
    pub(super) number: u64,
    pub(super) display_name: String,
    pub(super) value: Value,
}

/// Which of them are wanted.
struct Query {
    size: usize,
    after: u64,
    display_name: Option<String>,
}

/// The page of `items`, which are in their order, under `member`; no page is longer than `limit`.
pub(super) fn answer(
    member: &str,
    items: impl IntoIterator<Item = Item>,
    request: &Request,
    limit: usize,
) -> Result<Answer, Answer> {
    let Query { size, after, display_name } = Query::of(request, limit)?;
    let wanted = |item: &Item| {
        item.number > after && display_name.as_ref().is_none_or(|name| *name == item.display_name)
    };
    let mut rest = items.into_iter().filter(wanted).peekable();
    let page: Vec<Item> = rest.by_ref().take(size).collect();
    let next = match (page.last(), rest.peek()) {
        (Some(last), Some(_)) => URL_SAFE_NO_PAD.encode(format!("after {}", last.number)),
        _ => String::new(),
    };
    let values: Vec<Value> = page.into_iter().map(|item| item.value).collect();
    Ok(Answer::json(200, &json!({ member: values, "next_page_token": next })))
}

impl Query {
    fn of(request: &Request, limit: usize) -> Result<Self, Answer> {
        let malformed = |what: &str| Answer::malformed(&format!("the query is malformed: {what}"));
        let fields = request.query().ok_or_else(|| malformed("it is no form"))?;
        let mut query = Self { size: limit, after: 0, display_name: None };
        for (name, value) in fields {
            match name.as_str() {
                "page_size" => {
                    let size = value.parse::<usize>().ok().filter(|size| *size > 0);
                    query.size = size.ok_or_else(|| malformed("page_size"))?.min(limit);
                }
                // The first page has none, which an empty one says too.
                "page_token" if value.is_empty() => {}
                "page_token" => query.after = number(&value).ok_or_else(|| malformed("page_token"))?,
                "display_name" => query.display_name = Some(value),
                _ => return Err(malformed(&name)),
            }
        }
        Ok(query)
    }
}

fn number(token: &str) -> Option<u64> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    text.strip_prefix("after ")?.parse().ok()
}
