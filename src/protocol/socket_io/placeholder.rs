//! What stands in the JSON of a binary packet for its attachments.

/// Whether every placeholder names one of so many attachments.
///
/// Found by their key; within a string its quotes would be escaped, so nothing else is spelt like
/// it. Servers differ in the order of the two members and in spaces. A placeholder with more than
/// these two is taken as it is.
pub(super) fn fit(json: &[u8], total: u64) -> bool {
    const KEY: &[u8] = b"\"_placeholder\"";
    memchr::memmem::find_iter(json, KEY).all(|at| {
        let (before, after) = (&json[..at], &json[at + KEY.len()..]);
        let Some(after) = skip(after, [b":", b"true"]) else {
            return true;
        };
        let number = number_behind(after).or_else(|| number_before(before));
        number.map_or_else(|| has_more(before, after), |digits| is_below(digits, total))
    })
}

/// What follows these tokens and any spaces between them; nothing if they are not there.
fn skip<'a, const N: usize>(text: &'a [u8], tokens: [&[u8]; N]) -> Option<&'a [u8]> {
    let mut tokens = tokens.into_iter();
    tokens.try_fold(text, |text, token| {
        text.trim_ascii_start().strip_prefix(token)
    })
}

/// `,"num":1…` → `1`; nothing if `num` is not the next member.
fn number_behind(text: &[u8]) -> Option<&[u8]> {
    let next = skip(text, [b",", b"\"num\"", b":"])?.trim_ascii_start();
    let end = next.iter().position(|byte| b",} \t\r\n".contains(byte))?;
    Some(&next[..end])
}

/// `…"num":1,` → `1`; nothing if `num` is not the member before.
fn number_before(text: &[u8]) -> Option<&[u8]> {
    let rest = text.trim_ascii_end().strip_suffix(b",")?.trim_ascii_end();
    let start = rest.iter().rposition(|byte| b": \t\r\n".contains(byte))? + 1;
    let (name, number) = rest.split_at(start);
    let name = name.trim_ascii_end().strip_suffix(b":")?.trim_ascii_end();
    name.ends_with(b"\"num\"").then_some(number)
}

/// Whether the object has other members than the key.
fn has_more(before: &[u8], after: &[u8]) -> bool {
    !(before.trim_ascii_end().ends_with(b"{") && after.trim_ascii_start().starts_with(b"}"))
}

fn is_below(digits: &[u8], total: u64) -> bool {
    let number = str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse().ok());
    number.is_some_and(|number: u64| number < total)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn placeholders_are_known_in_any_order_and_with_any_spaces() {
        for (json, fits) in [
            (r#"["a",{"_placeholder":true,"num":0}]"#, true),
            (r#"["a",{"_placeholder":true,"num":1}]"#, false),
            (r#"["a",{"num":0,"_placeholder":true}]"#, true),
            (r#"["a",{"num":1,"_placeholder":true}]"#, false),
            (r#"["a",{"_placeholder": true, "num": 0}]"#, true),
            (r#"["a",{ "_placeholder" : true , "num" : 1 }]"#, false),
            (r#"["a",{ "num" : 7 , "_placeholder" : true }]"#, false),
            (r#"["a",{"_placeholder":true,"num":-1}]"#, false),
            (r#"["a",{ "_placeholder":true }]"#, false),
            (r#"["a",{"_placeholder":true,"x":1}]"#, true),
            (r#"["a",{"_placeholder":false,"num":9}]"#, true),
            (r#"["a",{"num":9,"_placeholder":false}]"#, true),
            (r#"["a","\"_placeholder\":true,\"num\":9"]"#, true),
        ] {
            assert_eq!(fit(json.as_bytes(), 1), fits, "{json}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(json in r#"["{}:, 0-9]{0,12}("_placeholder"|"num"|true|[:,{}" 0-9]){0,12}"#) {
            let _ = fit(json.as_bytes(), 1);
        }
    }
}
