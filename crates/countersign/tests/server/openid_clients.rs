//! Unmodified clients of others: `openid-client` for Node.js and Authlib for Python sign somebody in, renew, step up and
//! sign out. Neither knows anything of this server but its address, its own id and secret.
