//! A part of the groups at a time: `group_limit` of them, from where `group_next_token` says.

use crate::Error;
use crate::prometheus::watch::RuleGroup;
use crate::request::Params;
use crate::request::params::invalid;

/// Which part is wanted.
pub(super) struct Page {
    /// How many groups, at most.
    limit: Option<usize>,
    /// What the answer before told.
    token: Option<String>,
}

impl Page {
    pub(super) fn of(params: &Params) -> Result<Page, Error> {
        let limit = params.find("group_limit").map(limit).transpose()?;
        let token = params.find("group_next_token").map(str::to_owned);
        if token.is_some() && limit.is_none() {
            let why = "group_limit needs to be present in order to paginate over the groups";
            return Err(invalid("group_next_token", why));
        }
        Ok(Page { limit, token })
    }

    /// Returns the part of the groups that `keep` leaves, and the token of the next part.
    pub(super) fn cut(
        &self,
        groups: Vec<RuleGroup>,
        keep: impl Fn(&mut RuleGroup) -> bool,
    ) -> Result<(Vec<RuleGroup>, Option<String>), Error> {
        let mut part = Vec::new();
        let mut is_found = self.token.is_none();
        for mut group in groups {
            is_found = is_found || self.token.as_ref() == Some(&token_of(&group));
            if !is_found || !keep(&mut group) {
                continue;
            }
            if self.limit == Some(part.len()) {
                return Ok((part, Some(token_of(&group))));
            }
            part.push(group);
        }
        match &self.token {
            Some(token) if !is_found => {
                let why = format!("invalid group_next_token '{token}'. were rule groups changed?");
                Err(invalid("group_next_token", why))
            }
            _ => Ok((part, None)),
        }
    }
}

fn limit(text: &str) -> Result<usize, Error> {
    match text.parse::<i64>() {
        Ok(limit) if limit > 0 => Ok(usize::try_from(limit).unwrap_or(usize::MAX)),
        Ok(_) => Err(invalid(
            "group_limit",
            "group_limit needs to be greater than 0",
        )),
        Err(_) => {
            let why = format!(
                "group_limit needs to be a valid number: strconv.ParseInt: parsing {text:?}: invalid syntax"
            );
            Err(invalid("group_limit", why))
        }
    }
}

/// Returns what stands for a group: FNV-1a of its file and name, which outlives a restart.
fn token_of(group: &RuleGroup) -> String {
    let bytes = group.file.bytes().chain([b';']).chain(group.name.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
