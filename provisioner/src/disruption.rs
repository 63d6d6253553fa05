//! Voluntary disruption: nodes that nobody needs go, within what their pool allows at once.

pub mod budget;
pub mod emptiness;

pub(crate) use self::emptiness::empty_forever;
