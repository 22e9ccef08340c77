//! Text into HTML: everything that is not written in this program is escaped. Pure.

use std::fmt::Display;

/// Text, safe as content of an element and as value of a quoted attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter if letter.is_control() && letter != '\n' => safe.push('\u{fffd}'),
            letter => safe.push(letter),
        }
    }
    safe
}

/// `<table>` row by row; the cells are text, escaped here.
pub(super) struct Table {
    html: String,
}

impl Table {
    /// With a line of what it shows, and a header; all columns but the first are numbers.
    pub fn new(caption: &str, header: &[&str]) -> Self {
        let heads: String = header.iter().map(|head| format!("<th scope=\"col\">{}</th>", escaped(head))).collect();
        let html = format!("<table><caption>{}</caption><thead><tr>{heads}</tr></thead><tbody>\n", escaped(caption));
        Self { html }
    }

    /// A row: the first cell names it.
    pub fn row(&mut self, name: &str, cells: &[impl Display]) {
        let cells: String = cells.iter().map(|cell| format!("<td>{}</td>", escaped(&cell.to_string()))).collect();
        self.html += &format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", escaped(name));
    }

    /// The element, in a box that scrolls where the page is narrow.
    pub fn finish(self) -> String {
        format!("<div class=\"wide\">{}</tbody></table></div>\n", self.html)
    }
}

/// Bytes as a `data:` address.
pub(super) fn data_url(kind: &str, bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut url = format!("data:{kind};base64,");
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, i| bits << 8 | usize::from(three.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let letter = char::from(LETTERS[bits >> (18 - 6 * i) & 63]);
            url.push(if i <= three.len() { letter } else { '=' });
        }
    }
    url
}

/// A share with three places, a dash for none.
pub(super) fn places(value: Option<f64>) -> String {
    value.map_or_else(|| "–".into(), |value| format!("{value:.3}"))
}

/// `low to high`, nothing for none.
pub(super) fn span(interval: Option<[f64; 2]>) -> String {
    interval.map_or_else(String::new, |[low, high]| format!("{low:.3} to {high:.3}"))
}

/// A difference with its sign and four places.
pub(super) fn signed(value: f64) -> String {
    let text = format!("{value:+.4}");
    if text.ends_with("0.0000") { "0.0000".into() } else { text.replace('-', "\u{2212}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        assert_eq!(escaped("<b a='\"'>&\u{1b}"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;\u{fffd}");
        let mut table = Table::new("<i>", &["<u>"]);
        table.row("<s>", &["</td>"]);
        let html = table.finish();
        for markup in ["<i>", "<u>", "<s>", "</td></td>"] {
            assert!(!html.contains(markup), "{html}");
        }
    }

    #[test]
    fn a_difference_that_is_too_small_to_see_has_no_sign() {
        let written = [0.0123, -0.0123, -0.00001, 0.0].map(signed);
        assert_eq!(written, ["+0.0123", "\u{2212}0.0123", "0.0000", "0.0000"]);
    }

    #[test]
    fn bytes_are_written_as_rfc_4648_has_them() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(data_url("a/b", bytes.as_bytes()), format!("data:a/b;base64,{text}"));
        }
    }
}
