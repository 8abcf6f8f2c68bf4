use std::ops::Range;

/// What a JSON text is, and where the parts of a list stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Document {
    /// A list.
    List(List),
    /// An object.
    Object,
    /// A string.
    String,
    /// A number, a boolean or null.
    Other,
}

/// Where the elements of a list stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct List {
    /// The first element; empty if there is none.
    pub(super) first: Range<usize>,
    /// From the second element to the last; empty if there is no second.
    pub(super) tail: Range<usize>,
    /// The last element; empty if there is none.
    pub(super) last: Range<usize>,
}

impl List {
    fn add(&mut self, element: Range<usize>) {
        if self.last.is_empty() {
            self.first = element.clone();
            self.tail = element.end..element.end;
        } else {
            if self.tail.is_empty() {
                self.tail.start = element.start;
            }
            self.tail.end = element.end;
        }
        self.last = element;
    }
}

/// Checks a JSON text exactly as `JSON.parse` does and says what it is; nothing if it is none.
///
/// Strings are not decoded, so neither lone surrogates nor numbers beyond a double are refused.
pub(super) fn scan(text: &[u8]) -> Option<Document> {
    let mut scanner = Scanner { text, at: 0 };
    scanner.skip_space();
    let mut document = match scanner.peek()? {
        b'[' => Document::List(List::default()),
        b'{' => Document::Object,
        b'"' => Document::String,
        _ => Document::Other,
    };
    let mut nesting = Nesting::default();
    let mut element = 0;
    loop {
        scanner.skip_space();
        if nesting.depth == 1 {
            element = scanner.at;
        }
        if scanner.value(&mut nesting)? == Begun::Container {
            continue;
        }
        loop {
            if nesting.depth == 1
                && let Document::List(list) = &mut document
            {
                list.add(element..scanner.at);
            }
            scanner.skip_space();
            if nesting.depth == 0 {
                return (scanner.at == text.len()).then_some(document);
            }
            match (scanner.take()?, nesting.in_object()) {
                (b',', true) => {
                    scanner.key()?;
                    break;
                }
                (b',', false) => break,
                (b'}', true) | (b']', false) => nesting.pop(),
                _ => return None,
            }
        }
    }
}

/// Whether a value is behind the scanner or has only begun.
#[derive(PartialEq, Eq)]
enum Begun {
    Scalar,
    Container,
}

/// The brackets that are open: a bit each, and no allocation below 65 levels.
#[derive(Default)]
struct Nesting {
    bits: u64,
    depth: usize,
    deeper: Vec<u64>,
}

impl Nesting {
    fn push(&mut self, object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.deeper.push(self.bits);
        }
        self.bits = (self.bits << 1) | u64::from(object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.bits >>= 1;
        if self.depth > 0
            && self.depth.is_multiple_of(64)
            && let Some(bits) = self.deeper.pop()
        {
            self.bits = bits;
        }
    }

    fn in_object(&self) -> bool {
        self.bits & 1 == 1
    }
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, nesting: &mut Nesting) -> Option<Begun> {
        match self.peek()? {
            b'"' => self.string()?,
            b'{' => return self.container(b'}', nesting),
            b'[' => return self.container(b']', nesting),
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => self.number()?,
        }
        Some(Begun::Scalar)
    }

    /// An empty container is a value like any other; a full one only begins here.
    fn container(&mut self, end: u8, nesting: &mut Nesting) -> Option<Begun> {
        self.at += 1;
        self.skip_space();
        if self.peek()? == end {
            self.at += 1;
            return Some(Begun::Scalar);
        }
        let object = end == b'}';
        nesting.push(object);
        if object {
            self.key()?;
        }
        Some(Begun::Container)
    }

    fn key(&mut self) -> Option<()> {
        self.skip_space();
        self.string()?;
        self.skip_space();
        (self.take()? == b':').then_some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.text[self.at..].starts_with(word).then(|| {
            self.at += word.len();
        })
    }

    fn string(&mut self) -> Option<()> {
        if self.take()? != b'"' {
            return None;
        }
        loop {
            let rest = &self.text[self.at..];
            let run = memchr::memchr2(b'"', b'\\', rest)?;
            // A fold over the whole run is vectorised; an early exit is not.
            let control = rest[..run]
                .iter()
                .fold(false, |found, b| found | (*b < 0x20));
            if control {
                return None;
            }
            self.at += run + 1;
            if rest[run] == b'"' {
                return Some(());
            }
            self.escape()?;
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.take()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                let digits = self.text.get(self.at..self.at + 4)?;
                self.at += 4;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<()> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn list(text: &str) -> (&str, &str, &str) {
        match scan(text.as_bytes()) {
            Some(Document::List(list)) => (&text[list.first], &text[list.tail], &text[list.last]),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_list_is_taken_apart_by_position() {
        assert_eq!(list(r#"["a"]"#), (r#""a""#, "", r#""a""#));
        assert_eq!(
            list(r#" [ "a" , {"b":[1,2]} , "c" ] "#),
            (r#""a""#, r#"{"b":[1,2]} , "c""#, r#""c""#)
        );
        assert_eq!(list("[]"), ("", "", ""));
        assert_eq!(list("[1,[]]"), ("1", "[]", "[]"));
    }

    #[test]
    fn lone_surrogates_are_left_alone() {
        assert_eq!(scan(br#""\ud83d""#), Some(Document::String));
    }

    #[test]
    fn deep_nesting_is_counted_right() {
        for depth in [1, 63, 64, 65, 128, 129, 5000] {
            let text = format!("{}1{}", "[{\"a\":".repeat(depth), "}]".repeat(depth));
            assert!(scan(text.as_bytes()).is_some(), "{depth}");
            let wrong = format!("{}1{}", "[{\"a\":".repeat(depth), "]}".repeat(depth));
            assert!(scan(wrong.as_bytes()).is_none(), "{depth}");
        }
    }

    proptest! {
        #[test]
        fn it_takes_what_serde_json_takes(text in r#"[\[\]{}":,0-9a.eE+\-\\ u truefalsnl]{0,24}"#) {
            let accepted = serde_json::from_str::<IgnoredAny>(&text).is_ok();
            prop_assert_eq!(scan(text.as_bytes()).is_some(), accepted);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = scan(&bytes);
        }
    }
}
