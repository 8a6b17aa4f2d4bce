//! Who sits before a board: what a token lets its holder see and do. Start with [`Seat`].

use std::path::PathBuf;

use crate::exercise::{Role, TokenHash, Tokens};

/// What the holder of a token sees and does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// Sees the board of players, and acts as one.
    Players,
    /// Sees everything, and acts in this role.
    Team(Role),
    /// Sees the run of one drill, and does nothing.
    Viewer,
}

impl Seat {
    fn of(role: Role) -> Self {
        match role {
            Role::Player => Self::Players,
            role => Self::Team(role),
        }
    }

    /// The role in which the holder acts.
    pub fn role(self) -> Option<Role> {
        match self {
            Self::Players => Some(Role::Player),
            Self::Team(role) => Some(role),
            Self::Viewer => None,
        }
    }
}

/// The tokens that a board accepts.
#[derive(Clone, Debug)]
pub enum Keys {
    /// Those of an exercise. The file is read for each request, so that new tokens count at once.
    Exercise(PathBuf),
    /// The one of a board for a run directory. It ends with the board.
    Run(TokenHash),
}

impl Keys {
    /// The seat of a token; none if the token is not valid.
    pub fn seat(&self, given: &TokenHash) -> Option<Seat> {
        match self {
            Self::Exercise(dir) => Tokens::read(dir).ok()?.role_of(given).map(Seat::of),
            Self::Run(token) => token.is(given).then_some(Seat::Viewer),
        }
    }
}
