//! The rules of Countersign.
//!
//! Everything here is pure: no async runtime, no SQL, no HTTP, no ambient clock and no ambient randomness. What a
//! rule needs from the world (the time, random bytes, what is stored) is handed to it; what it decides is returned.
//!
//! Where to look:
//!
//! - [`session`] and [`authority`]: who is asking, and the proof without which no credential changes.
//! - [`sign_in`]: a password that was right, a challenge, a person who is in; one type per state.
//! - [`second_step`]: which kinds of second step an account has, and which it may use.
//! - [`throttle`]: how wrong guesses are counted and when they are refused; [`network`]: over which networks.
//! - [`budget`]: how many messages are sent, which only time gives back.
//! - [`password`], [`email`], [`phone`]: what people type, parsed once.
//! - [`application`]: what uses this server, what it may ask for, and where it may send people back to.
//! - [`assurance`], [`authorization`], [`oauth`], [`signing`]: what an application that signs people in may be told, what
//!   follows its request, its words, and the keys that sign the answer.
//! - [`message`], [`event`]: what people are told, and what is recorded; [`user_agent`]: with which browser.

pub mod ambient;
pub mod application;
pub mod application_challenge;
pub mod assurance;
pub mod authority;
pub mod authorization;
pub mod budget;
pub mod email;
pub mod enrolment;
pub mod event;
pub mod ids;
pub mod message;
pub mod network;
pub mod oauth;
pub mod password;
pub mod phone;
pub mod public_name;
pub mod role;
pub mod second_step;
pub mod secret;
pub mod session;
pub mod sign_in;
pub mod signing;
pub mod site_access;
pub mod text;
pub mod throttle;
pub mod user_agent;

pub use ambient::{Clock, Entropy, Timestamp};
