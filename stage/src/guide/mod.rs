//! The guide: one page for each idea, in the order a newcomer meets them.
//!
//! | page | answers |
//! |---|---|
//! | [`demand`] | who asks whom, when, and for how much |
//! | [`dispatchers`] | which consumer gets which event, and how to write a dispatcher |
//! | [`failure`] | what becomes of an event, a behaviour and a neighbour when something fails |
//! | [`supervision`] | who restarts what, and what a restart keeps |
//! | [`testing`] | how to test a stage or a dispatcher of one's own |
//! | [`from_genstage`] | what GenStage's names are here, row by row, and what is missing |
//! | [`from_streams`] | what is different for who knows futures streams and channels |

#[doc = include_str!("demand.md")]
pub mod demand {}
#[doc = include_str!("dispatchers.md")]
pub mod dispatchers {}
#[doc = include_str!("failure.md")]
pub mod failure {}
#[doc = include_str!("supervision.md")]
pub mod supervision {}
#[doc = include_str!("testing.md")]
pub mod testing {}
#[doc = include_str!("from_genstage.md")]
pub mod from_genstage {}
#[doc = include_str!("from_streams.md")]
pub mod from_streams {}
