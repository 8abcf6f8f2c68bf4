//! Faults that a command of the user carries out.

mod exec;

pub use exec::Exec;

super::mechanism! {
    /// A fault that a command of the user carries out.
    #[derive(Clone)]
    Hook {
        Exec,
    }
}
