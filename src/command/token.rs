//! `weft token`: join tokens, straight in the aggregator's data directory.
//!
//! The secret of a token is printed once, when it is made; only its hash is kept.

use std::path::Path;

use anyhow::{Context, Result, bail};
use weft_link::{Authority, AuthorityOptions, Role, TokenGrant};
use weft_model::Millis;
use weft_stdx::{Clock, text};

use crate::args::Token;
use crate::exit::Exit;
use crate::print::{self, table};

pub(crate) fn run(token: &Token, clock: &Clock) -> Result<Exit> {
    let now = Millis(clock.millis());
    match token {
        Token::Create {
            role,
            ttl,
            uses,
            data,
        } => {
            let lifetime = text::parse_duration(ttl)
                .with_context(|| format!("--ttl {ttl}: is not a duration such as 24h"))?;
            let grant = TokenGrant {
                role: role_of(role)?,
                lifetime,
                uses: Some(*uses),
            };
            let token = open(data, now)?
                .create_token(grant, now)
                .context("make token")?;
            print::line(&token.to_string());
        }
        Token::List { data } => {
            let tokens = open(data, now)?.tokens(now).context("read tokens")?;
            let row = |token: &weft_link::TokenInfo| {
                let uses = token
                    .uses_left
                    .map_or("unlimited".to_owned(), |uses| uses.to_string());
                vec![
                    token.id.clone(),
                    token.role.as_str().to_owned(),
                    token.expires_at.to_string(),
                    uses,
                ]
            };
            let rows: Vec<_> = tokens.iter().map(row).collect();
            let lines = table::aligned(&["id", "role", "expires", "uses left"], &rows);
            lines.iter().for_each(|line| print::line(line));
        }
        Token::Revoke { id, data } => {
            if !open(data, now)?.revoke_token(id).context("revoke token")? {
                bail!("there is no token {id}");
            }
            print::line("revoked");
        }
    }
    Ok(Exit::Done)
}

/// Opens the authority of a data directory that an aggregator has used.
fn open(data: &Path, now: Millis) -> Result<Authority> {
    let dir = data.join("ca");
    if !dir.is_dir() {
        bail!(
            "{} is not the data directory of an aggregator: it has no ca/",
            data.display()
        );
    }
    let options = AuthorityOptions::default();
    Authority::open_or_create(&dir, options, now).with_context(|| format!("open {}", dir.display()))
}

fn role_of(word: &str) -> Result<Role> {
    match word {
        "agent" => Ok(Role::Agent),
        "collector" => Ok(Role::Collector),
        _ => bail!("--role {word}: is neither agent nor collector"),
    }
}
