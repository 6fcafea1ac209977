//! Writes JSON straight into one string.
//!
//! Promises: what is written is well formed as long as each key is followed by one value; text that is known to need no
//! escaping (base64, numbers, names of shards) is copied as it is.

use std::fmt::{Display, Write};

/// JSON in the making.
#[derive(Debug, Default)]
pub(super) struct Json {
    text: String,
    /// Whether the next key or element needs a comma before it.
    comma: bool,
}

impl Json {
    /// Room for a reply of about that many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), comma: false }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    pub(super) fn object(&mut self, members: impl FnOnce(&mut Self)) {
        self.nest('{', members, '}');
    }

    pub(super) fn array<T>(&mut self, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Self, T)) {
        self.nest('[', |json| items.into_iter().for_each(|item| each(json, item)), ']');
    }

    /// A member's name; its value must follow.
    pub(super) fn key(&mut self, name: &'static str) -> &mut Self {
        self.separate();
        self.text.push('"');
        self.text.push_str(name);
        self.text.push_str("\":");
        self.comma = false;
        self
    }

    /// A member whose name may be any text; its value must follow.
    pub(super) fn any_key(&mut self, name: &str) {
        self.string(name);
        self.text.push(':');
        self.comma = false;
    }

    /// Any text.
    pub(super) fn string(&mut self, text: &str) {
        if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
            return self.plain(text);
        }
        self.separate();
        self.text.push('"');
        for character in text.chars() {
            match character {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                control if control < ' ' => self.append(format_args!("\\u{:04x}", u32::from(control))),
                other => self.text.push(other),
            }
        }
        self.text.push('"');
        self.comma = true;
    }

    /// Text that needs no escaping.
    pub(super) fn plain(&mut self, text: &str) {
        self.separate();
        self.text.push('"');
        self.text.push_str(text);
        self.text.push('"');
        self.comma = true;
    }

    /// A value written between quotes that needs no escaping.
    pub(super) fn quoted(&mut self, value: impl Display) {
        self.separate();
        self.append(format_args!("\"{value}\""));
        self.comma = true;
    }

    /// A number, `true` or `false`.
    pub(super) fn bare(&mut self, value: impl Display) {
        self.separate();
        self.append(value);
        self.comma = true;
    }

    /// Opens an object or an array for a writer that cannot give its content as one closure; [`close`](Self::close) it.
    pub(super) fn open(&mut self, bracket: char) {
        self.separate();
        self.text.push(bracket);
        self.comma = false;
    }

    /// Closes what [`open`](Self::open) opened.
    pub(super) fn close(&mut self, bracket: char) {
        self.text.push(bracket);
        self.comma = true;
    }

    fn nest(&mut self, open: char, content: impl FnOnce(&mut Self), close: char) {
        self.open(open);
        content(self);
        self.close(close);
    }

    fn separate(&mut self) {
        if std::mem::take(&mut self.comma) {
            self.text.push(',');
        }
    }

    fn append(&mut self, value: impl Display) {
        // Writing to a String fails only when the value's own Display does, and ours do not.
        let _ = write!(self.text, "{value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_comes_back_from_a_json_parser_unchanged() {
        for text in ["", "plain", "a\"b\\c", "\n\t\u{0}\u{1f}\u{7f}", "naïve 🦀"] {
            let mut json = Json::default();
            json.object(|json| {
                json.key("first").bare(1);
                json.key("text").string(text);
                json.key("list").array([1, 2], |json, n| json.quoted(n));
                json.key("empty").array([(); 0], |_, ()| {});
            });
            let parsed: serde_json::Value = serde_json::from_str(&json.into_text()).unwrap();
            assert_eq!(parsed, serde_json::json!({"first": 1, "text": text, "list": ["1", "2"], "empty": []}));
        }
    }
}
