//! Closed sets of words: an enum and the word of each variant, in one table.

/// An enum whose variants each have a word in scenarios and in every output.
pub(crate) trait Word: Copy + 'static {
    /// The words, in the order of the table.
    const WORDS: &'static [&'static str];

    /// The word of this variant.
    fn word(self) -> &'static str;

    /// The variant that has this word.
    fn from_word(word: &str) -> Option<Self>;
}

/// Implements [`Word`] for an enum: `words! { Balance { Sticky = "sticky" } }`.
///
/// A variant without a word does not compile, and nothing depends on the order of the table.
macro_rules! words {
    ($name:ty { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $crate::word::Word for $name {
            const WORDS: &'static [&'static str] = &[$($word),+];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use words;
