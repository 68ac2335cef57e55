//! One file for each page: read the request, call one flow, render.

pub(crate) mod activity;
pub(crate) mod app;
pub(crate) mod application;
pub(crate) mod applications;
pub(crate) mod assets;
pub(crate) mod backup_codes;
pub(crate) mod confirm_identity;
pub(crate) mod connected;
pub(crate) mod dev;
pub(crate) mod email;
pub(crate) mod forgot_password;
pub(crate) mod home;
pub(crate) mod hosted;
pub(crate) mod login_as;
pub(crate) mod machine;
pub(crate) mod members;
mod once;
pub(crate) mod password;
pub(crate) mod phone;
pub(crate) mod profile;
pub(crate) mod reset_password;
mod second_step;
pub(crate) mod sessions;
mod set_up;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
pub(crate) mod verify;
