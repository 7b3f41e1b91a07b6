//! HTML: one file, which names no other.
//!
//! Whatever the module names comes through [`text`], which leaves neither markup nor what turns the order of letters around;
//! what is no text is a number. The page's own rules forbid all scripts but the one that is here, by its hash, and anything
//! from elsewhere.

use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Rows of a column that are shown, at most.
const ROWS: usize = 10_000;
/// Characters of a row's text that are shown, at most.
const CHARACTERS: usize = 300;
/// Colours of the style, by which operators beside each other are told apart.
const COLOURS: usize = 6;
/// Sections that are open from the beginning, unless there are more.
const OPEN: usize = 3;

/// What is on a page.
pub(super) struct Page<'a> {
    /// What is shown.
    pub title: &'a str,
    /// What made it, and how.
    pub about: String,
    /// What is not shown.
    pub note: Option<String>,
    pub sections: Vec<Section>,
}

/// A function.
pub(super) struct Section {
    pub function: u32,
    pub name: String,
    pub about: String,
    pub note: Option<&'static str>,
    pub columns: [Column; 4],
}

/// One of the texts that are side by side.
pub(super) struct Column {
    pub title: &'static str,
    /// Of the style.
    pub class: &'static str,
    pub rows: Vec<Row>,
}

/// A line of a column.
pub(super) enum Row {
    Line {
        /// What it has in common with lines of other columns.
        position: Option<u32>,
        /// Where it is.
        lead: String,
        text: String,
        /// What is known of it.
        trail: String,
        /// Whether it is linked to nothing.
        dim: bool,
    },
    /// What follows is indented, and belongs to the line in front.
    Open { text: String },
    /// The end of that.
    Close,
}

impl Row {
    /// What it has in common with lines of other columns, if anything.
    pub fn position(&self) -> Option<u32> {
        match self {
            Row::Line { position, .. } => *position,
            Row::Open { .. } | Row::Close => None,
        }
    }
}

/// The page.
pub(super) fn write(page: &Page<'_>) -> String {
    let title = text(page.title);
    let about = text(&page.about);
    let script = base64(&Sha256::digest(SCRIPT));
    let mut out = String::new();
    put(&mut out, format_args!("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"));
    put(
        &mut out,
        format_args!(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
             script-src 'sha256-{script}'\">\n"
        ),
    );
    put(&mut out, format_args!("<meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n"));
    put(&mut out, format_args!("<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n"));
    put(
        &mut out,
        format_args!(
            "<p class=\"about\">{about}</p>\n<p class=\"bar\"><input id=\"search\" type=\"search\" placeholder=\"Search (/)\" \
             aria-label=\"Search names and code\"> <output id=\"found\"></output> <label><input id=\"translated\" \
             type=\"checkbox\"> CLIF before optimisation (c)</label> <span class=\"keys\">hover, or click to keep; arrows \
             move, n and N find, [ and ] change functions, Esc clears</span></p>\n"
        ),
    );
    if let Some(note) = &page.note {
        put(&mut out, format_args!("<p class=\"note\">{}</p>\n", text(note)));
    }
    put(&mut out, format_args!("</header>\n<main>\n"));
    for (i, section) in page.sections.iter().enumerate() {
        write_section(&mut out, section, i == 0 || page.sections.len() <= OPEN);
    }
    if page.sections.is_empty() {
        put(&mut out, format_args!("<p class=\"note\">The module defines no functions.</p>\n"));
    }
    put(&mut out, format_args!("</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"));
    out
}

fn write_section(out: &mut String, section: &Section, open: bool) {
    let open = if open { " open" } else { "" };
    let (name, about) = (text(&section.name), text(&section.about));
    put(out, format_args!("<details class=\"f\" id=\"f{}\"{open}>\n", section.function));
    put(out, format_args!("<summary><b>{name}</b> <span>{about}</span></summary>\n"));
    if let Some(note) = section.note {
        put(out, format_args!("<p class=\"note\">{}</p>\n", text(note)));
    }
    // In the order of operators, so that those beside each other differ.
    let mut colours = HashMap::new();
    for position in section.columns[0].rows.iter().filter_map(Row::position) {
        let next = colours.len() % COLOURS;
        colours.entry(position).or_insert(next);
    }
    put(out, format_args!("<div class=\"columns\">\n"));
    for column in &section.columns {
        write_column(out, column, &colours);
    }
    put(out, format_args!("</div>\n</details>\n"));
}

fn write_column(out: &mut String, column: &Column, colours: &HashMap<u32, usize>) {
    let (title, class) = (text(column.title), column.class);
    put(out, format_args!("<section class=\"{class}\" aria-label=\"{title}\">\n"));
    put(
        out,
        format_args!("<h2>{title} <button type=\"button\" class=\"copy\">copy</button></h2>\n<div class=\"code\">\n"),
    );
    let mut depth = 0;
    for row in column.rows.iter().take(ROWS) {
        match row {
            Row::Line { position, lead, text: line, trail, dim } => {
                let colour = position.and_then(|position| colours.get(&position)).map(|colour| format!("k{colour}"));
                let class = colour.filter(|_| !dim).unwrap_or_else(|| "z".to_owned());
                put(out, format_args!("<div class=\"{class}\""));
                if let Some(position) = position {
                    put(out, format_args!(" data-p=\"{position:x}\""));
                }
                put(out, format_args!(">"));
                if !lead.is_empty() {
                    put(out, format_args!("<i>{}</i>", text(lead)));
                }
                out.push_str(&text(line));
                if !trail.is_empty() {
                    put(out, format_args!("<i>{}</i>", text(trail)));
                }
                put(out, format_args!("</div>\n"));
            }
            Row::Open { text: line } => {
                depth += 1;
                put(out, format_args!("<div class=\"n\"><div class=\"in\">{}</div>\n", text(line)));
            }
            Row::Close => {
                depth -= 1;
                put(out, format_args!("</div>\n"));
            }
        }
    }
    for _ in 0..depth {
        put(out, format_args!("</div>\n"));
    }
    if let Some(left) = column.rows.len().checked_sub(ROWS).filter(|&left| left > 0) {
        put(out, format_args!("<div class=\"note\">{left} more lines</div>\n"));
    }
    put(out, format_args!("</div>\n</section>\n"));
}

fn put(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = out.write_fmt(arguments);
}

/// A stranger's text as HTML that shows it, of bounded length.
fn text(plain: &str) -> String {
    let mut html = String::with_capacity(plain.len());
    for (i, c) in plain.chars().enumerate() {
        if i == CHARACTERS {
            html.push('…');
            break;
        }
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            ' '..='~' => html.push(c),
            // What is not seen, or turns the order of letters around, becomes its number.
            c => html.extend(c.escape_debug()),
        }
    }
    html
}

/// Base64 (RFC 4648, 4), with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - three.len()));
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_markup_and_no_more_than_is_shown() {
        assert_eq!(text("<a b='c' d=\"e\">&amp;"), "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;amp;");
        assert_eq!(text("ä→\u{202e}x\0\u{1b}\n"), "ä→\\u{202e}x\\0\\u{1b}\\n");
        assert_eq!(text(&"<".repeat(1000)), "&lt;".repeat(CHARACTERS) + "…");
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (plain, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), expected);
        }
    }

    #[test]
    fn the_script_and_the_style_end_where_they_end() {
        assert!(!SCRIPT.contains("</") && !SCRIPT.contains("<!--"));
        assert!(!STYLE.contains("</") && !STYLE.contains("url(") && !STYLE.contains("@import"));
    }

    #[test]
    fn a_column_is_bounded_and_its_elements_close() {
        let line =
            || Row::Line { position: None, lead: String::new(), text: "x".to_owned(), trail: String::new(), dim: true };
        let mut rows = vec![line(), Row::Open { text: "<i>".to_owned() }];
        rows.extend((0..2 * ROWS).map(|_| line()));
        rows.push(Row::Close);
        let mut out = String::new();
        write_column(&mut out, &Column { title: "t", class: "w", rows }, &HashMap::new());
        assert_eq!(out.matches("<div").count(), out.matches("</div>").count());
        assert_eq!(out.matches(">x</div>").count(), ROWS - 1);
        assert!(out.contains("10003 more lines") && !out.contains("<i>"));
    }
}
