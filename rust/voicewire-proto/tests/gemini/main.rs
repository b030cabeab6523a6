//! Scenarios of Gemini Live: messages, commands and times in; events, messages and settlements out.
#![allow(clippy::unwrap_used)]

mod cancel;
mod commands;
mod config;
mod decode;
mod malformed;
mod random;
mod resume;
mod setup;
mod speech;
mod support;
mod switch;
mod tools;
mod turns;
