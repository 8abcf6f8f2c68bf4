//! Text from outside, made safe to show.
//!
//! What a server, a file or a command says must not drive the reader's terminal, nor turn a line of
//! a report around. Everything of that kind goes through here before it is shown or kept.

/// The text on one line, without anything that is not plainly visible: line ends and tabs become
/// spaces, control characters and bidirectional controls become U+FFFD, and variation selectors,
/// which change the width of the character before them, are left out.
#[must_use]
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter_map(visible).collect()
}

/// The same for a text of several lines, which keeps its line ends.
#[must_use]
pub(crate) fn printable_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(printable).collect();
    lines.join("\n")
}

fn visible(character: char) -> Option<char> {
    match character {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
        '\u{fe00}'..='\u{fe0f}' => None,
        _ if character.is_control() || is_bidi_control(character) => Some('\u{fffd}'),
        _ => Some(character),
    }
}

/// Marks, embeddings, overrides and isolates (UAX #9), and invisible characters that hide text.
fn is_bidi_control(character: char) -> bool {
    matches!(
        character,
        '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'
            ..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_drives_a_terminal_or_turns_a_line_around() {
        for (text, shown) in [
            ("\u{1b}[31mred\n\u{7}", "\u{fffd}[31mred \u{fffd}"),
            ("\u{1b}]0;title\u{7}", "\u{fffd}]0;title\u{fffd}"),
            ("\u{9b}31m", "\u{fffd}31m"),
            ("abc\u{202e}fed", "abc\u{fffd}fed"),
            ("a\u{2066}b\u{2069}c", "a\u{fffd}b\u{fffd}c"),
            ("one\r\ntwo\tthree", "one  two three"),
            ("*\u{fe0f}", "*"),
            ("日本語 é 😀", "日本語 é 😀"),
        ] {
            assert_eq!(printable(text), shown, "{text:?}");
        }
        assert_eq!(
            printable_lines("a\u{1b}b\nc\u{202e}"),
            "a\u{fffd}b\nc\u{fffd}"
        );
    }
}
