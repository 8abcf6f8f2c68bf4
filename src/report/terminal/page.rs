use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::table::Table;
use crate::printable::printable;

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// As everything else.
    Plain,
    /// What the eye should find.
    Bold,
    /// What it may skip.
    Dim,
    /// Held, connected, back.
    Good,
    /// Crossed, failed, lost.
    Bad,
    /// To be known before the rest is trusted.
    Caution,
}

impl Ink {
    fn style(self) -> Style {
        let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Self::Plain => Style::new(),
            Self::Bold => Style::new().bold(),
            Self::Dim => Style::new().dimmed(),
            Self::Good => color(AnsiColor::Green),
            Self::Bad => color(AnsiColor::Red).bold(),
            Self::Caution => color(AnsiColor::Yellow),
        }
    }

    /// `Bad` if there is any of it.
    pub(super) fn bad_if(any: bool) -> Self {
        if any { Self::Bad } else { Self::Plain }
    }
}

/// A piece of a line.
pub type Piece = (Ink, String);

/// Text as it grows, line by line; no line is wider than the page.
#[derive(Debug)]
pub struct Page {
    width: usize,
    color: bool,
    text: String,
    line: Vec<Piece>,
}

impl Page {
    /// Between labels and what they label.
    pub(super) const LABEL_WIDTH: usize = 13;
    const SEPARATOR: &str = " · ";

    /// An empty page of so many columns.
    #[must_use]
    pub fn new(width: usize, color: bool) -> Self {
        Self {
            width,
            color,
            text: String::new(),
            line: Vec::new(),
        }
    }

    /// Its columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The text.
    #[must_use]
    pub fn finish(self) -> String {
        self.text
    }

    /// Begins a section.
    pub fn heading(&mut self, title: &str) {
        self.text.push('\n');
        self.line(&[(Ink::Bold, title.to_owned())]);
    }

    /// Writes one line, cut off at the page's edge.
    pub fn line(&mut self, pieces: &[Piece]) {
        let mut room = self.width;
        for (ink, text) in pieces {
            let text = cut(&printable(text), room);
            room -= text.width();
            self.ink(*ink, &text);
        }
        self.end_line();
    }

    /// Writes text after a lead, wrapped between words, with the lead's width as indent.
    pub fn paragraph(&mut self, lead: &[Piece], (ink, text): (Ink, &str)) {
        let indent: usize = lead.iter().map(|(_, text)| printable(text).width()).sum();
        let lines = wrap(&printable(text), self.width.saturating_sub(indent).max(1));
        for (number, line) in lines.iter().enumerate() {
            if number == 0 {
                for (ink, text) in lead {
                    self.ink(*ink, &printable(text));
                }
            } else {
                self.space(indent);
            }
            self.ink(ink, line);
            self.end_line();
        }
    }

    /// Writes a label and facts about it, wrapped between facts.
    pub fn facts(&mut self, indent: usize, label: &str, facts: &[Piece]) {
        let mut used = indent + Self::LABEL_WIDTH;
        let gap = Self::LABEL_WIDTH.saturating_sub(label.width());
        self.space(indent);
        self.ink(Ink::Dim, label);
        self.space(gap);
        let mut first = true;
        for (ink, text) in facts {
            let text = cut(
                &printable(text),
                self.width.saturating_sub(indent + Self::LABEL_WIDTH),
            );
            let separator = if first { 0 } else { Self::SEPARATOR.width() };
            if used + separator + text.width() > self.width {
                self.end_line();
                used = indent + Self::LABEL_WIDTH;
                self.space(used);
            } else if !first {
                used += separator;
                self.ink(Ink::Dim, Self::SEPARATOR);
            }
            used += text.width();
            self.ink(*ink, &text);
            first = false;
        }
        self.end_line();
    }

    /// Writes facts one after the other, wrapped between them.
    pub(super) fn enumeration(&mut self, facts: &[String]) {
        let mut line = String::new();
        for fact in facts {
            let fact = cut(&printable(fact), self.width);
            if line.is_empty() {
                line = fact;
            } else if line.width() + Self::SEPARATOR.width() + fact.width() <= self.width {
                line.push_str(Self::SEPARATOR);
                line.push_str(&fact);
            } else {
                let whole = std::mem::replace(&mut line, fact);
                self.line(&[(Ink::Plain, whole)]);
            }
        }
        self.line(&[(Ink::Plain, line)]);
    }

    /// Writes a table; its first column shrinks if the page is too narrow.
    pub(in crate::report) fn table(&mut self, indent: usize, table: &Table) {
        for row in table.lay_out(self.width.saturating_sub(indent)) {
            self.space(indent);
            for (ink, text) in &row {
                self.ink(*ink, text);
            }
            self.end_line();
        }
    }

    /// Writes a URL in one piece, so that it can be followed. Where the page is too narrow for it,
    /// its fragment comes below in words: documentation names its sections so.
    pub fn reference(&mut self, indent: usize, url: &str) {
        let lead = [(Ink::Plain, " ".repeat(indent))];
        let room = self.width.saturating_sub(indent);
        match url.split_once('#') {
            Some((page, section)) if url.width() > room => {
                let section = format!("under “{}”", section.replace('-', " "));
                self.paragraph(&lead, (Ink::Dim, page));
                self.paragraph(&lead, (Ink::Dim, &section));
            }
            Some(_) | None => self.paragraph(&lead, (Ink::Dim, url)),
        }
    }

    /// Writes one line as it is, however wide.
    pub fn whole_line(&mut self, text: &str) {
        self.ink(Ink::Plain, &printable(text));
        self.end_line();
    }

    fn ink(&mut self, ink: Ink, text: &str) {
        self.line.push((ink, text.to_owned()));
    }

    fn space(&mut self, columns: usize) {
        self.line.push((Ink::Plain, " ".repeat(columns)));
    }

    /// Writes the line without the spaces at its end, which only pad the last column.
    fn end_line(&mut self) {
        while let Some((_, last)) = self.line.last_mut() {
            last.truncate(last.trim_end_matches(' ').len());
            if !last.is_empty() {
                break;
            }
            self.line.pop();
        }
        for (ink, text) in self.line.drain(..) {
            if self.color && ink != Ink::Plain && !text.is_empty() {
                let style = ink.style();
                self.text.push_str(&style.render().to_string());
                self.text.push_str(&text);
                self.text.push_str(&style.render_reset().to_string());
            } else {
                self.text.push_str(&text);
            }
        }
        self.text.push('\n');
    }
}

/// At most `width` columns of a text; an ellipsis stands for what was cut.
pub(in crate::report) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = split_at_width(text, width.saturating_sub(1)).0.to_owned();
    if width > 0 {
        kept.push('…');
    }
    kept
}

/// Lines of at most `width` columns, broken between words, or within one that is wider.
pub(in crate::report) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for mut word in text.split_whitespace() {
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(std::mem::take(&mut line));
        }
        while word.width() > width {
            // Two columns hold any character, so that each line takes a part of the word.
            let (head, tail) = split_at_width(word, width.max(2));
            lines.push(head.to_owned());
            word = tail;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// The longest beginning of at most `width` columns, and the rest.
fn split_at_width(text: &str, width: usize) -> (&str, &str) {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > width {
            return text.split_at(at);
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_wraps_between_words_and_breaks_what_is_too_long() {
        assert_eq!(wrap("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrap("abcdefgh ij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("用户用户", 5), ["用户", "用户"]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn a_url_stays_in_one_piece_on_any_page() {
        let written = |width| {
            let mut page = Page::new(width, false);
            page.reference(4, "https://example.com/docs/#the-one-place");
            page.finish()
        };
        assert_eq!(written(44), "    https://example.com/docs/#the-one-place\n");
        assert_eq!(
            written(40),
            "    https://example.com/docs/\n    under “the one place”\n"
        );
    }

    #[test]
    fn what_does_not_fit_is_cut_with_an_ellipsis() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("用户用户", 4), "用…");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(
            printable("\u{1b}[31mred\n\u{7}"),
            "\u{fffd}[31mred \u{fffd}"
        );
    }
}
