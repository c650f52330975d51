//! The laws of the dispatcher contract, by name.

use super::Audience;

/// A law that a run can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Law {
    Credit,
    Order,
    Overtaking,
    Wanted,
    Liveness,
    Queue,
    Conservation,
    Leaver,
    Strangers,
    Refusal,
    Marks,
    Empty,
    Broadcast,
    Key,
    Saturation,
    Panic,
}

/// How a run broke a law.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) law: Law,
    pub(super) how: String,
}

impl Law {
    pub(super) const ALL: [Self; 16] = [
        Self::Credit,
        Self::Order,
        Self::Overtaking,
        Self::Wanted,
        Self::Liveness,
        Self::Queue,
        Self::Conservation,
        Self::Leaver,
        Self::Strangers,
        Self::Refusal,
        Self::Marks,
        Self::Empty,
        Self::Broadcast,
        Self::Key,
        Self::Saturation,
        Self::Panic,
    ];

    pub(super) const fn rule(self) -> &'static str {
        match self {
            Self::Credit => "law: credit",
            Self::Order => "law: order",
            Self::Overtaking => "law: overtaking",
            Self::Wanted => "law: wanted",
            Self::Liveness => "law: liveness",
            Self::Queue => "law: queue",
            Self::Conservation => "law: conservation",
            Self::Leaver => "law: leaver",
            Self::Strangers => "law: strangers",
            Self::Refusal => "law: refusal",
            Self::Marks => "law: marks",
            Self::Empty => "law: empty",
            Self::Broadcast => "law: broadcast",
            Self::Key => "law: key",
            Self::Saturation => "law: saturation",
            Self::Panic => "law: panic",
        }
    }

    pub(super) const fn statement(self) -> &'static str {
        match self {
            Self::Credit => "a subscription gets no more than it asked for",
            Self::Order => "the events of a subscription keep their order",
            Self::Overtaking => "what a dispatch leaves is the newest, in order",
            Self::Wanted => "a dispatch takes what was wanted, and nothing when that is nothing",
            Self::Liveness => "while somebody has unpaid asks, something is wanted",
            Self::Queue => "what is queued goes out when it is asked for",
            Self::Conservation => {
                "each event is delivered, queued, unwanted, rejected or discarded, once"
            }
            Self::Leaver => "who left gets nothing, and its unpaid asks are forgotten",
            Self::Strangers => "unknown subscriptions are ignored",
            Self::Refusal => "a refused subscription changes nothing",
            Self::Marks => "a mark is passed when what was queued before it has gone",
            Self::Empty => "no batch is empty",
            Self::Broadcast => "as much is wanted as the least unpaid ask, and all get it",
            Self::Key => "events of a key that come while no subscription does go to the same one",
            Self::Saturation => {
                "asks that come to more than a usize holds are all wanted, and forgotten one by one"
            }
            Self::Panic => "nothing panics",
        }
    }

    /// Why the law is not for these, if it is not.
    pub(super) const fn why_not(
        self,
        audience: Audience,
        holds_back: bool,
        is_keyed: bool,
    ) -> Option<&'static str> {
        match (self, audience) {
            (Self::Broadcast, Audience::Any | Audience::Chosen) => {
                Some("each event goes to one subscription")
            }
            (Self::Liveness, Audience::Every) => {
                Some("the least demand is what is wanted: see law: broadcast")
            }
            (Self::Liveness, _) if holds_back => Some("a full queue may hold all back"),
            (Self::Key, _) if !is_keyed => Some("it was not told the keys of the events"),
            _ => None,
        }
    }

    /// Says that this law is broken unless `holds`.
    pub(super) fn expect(self, holds: bool, how: impl FnOnce() -> String) -> Result<(), Broken> {
        if holds {
            Ok(())
        } else {
            Err(Broken {
                law: self,
                how: how(),
            })
        }
    }
}
