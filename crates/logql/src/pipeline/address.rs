//! Sets of IP addresses: `192.168.4.5`, `10.0.0.0/8`, `192.168.4.5-192.168.4.20`.

use std::net::IpAddr;

/// The addresses from one to another, of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddressSet {
    first: IpAddr,
    last: IpAddr,
}

impl AddressSet {
    /// Reads an address, a network or a range.
    pub(crate) fn parse(text: &str) -> Result<AddressSet, String> {
        let invalid = || format!("ip: {text:?} is not an address, a network or a range");
        if let Some((network, bits)) = text.split_once('/') {
            let network: IpAddr = network.parse().map_err(|_| invalid())?;
            let bits: u32 = bits.parse().map_err(|_| invalid())?;
            return AddressSet::network(network, bits).ok_or_else(invalid);
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let first: IpAddr = first.trim().parse().map_err(|_| invalid())?;
        let last: IpAddr = last.trim().parse().map_err(|_| invalid())?;
        if first.is_ipv4() != last.is_ipv4() || first > last {
            return Err(invalid());
        }
        Ok(AddressSet { first, last })
    }

    fn network(address: IpAddr, bits: u32) -> Option<AddressSet> {
        let (first, last) = match address {
            IpAddr::V4(address) => {
                let hosts = u32::MAX.checked_shr(bits).unwrap_or(0);
                let first = address.to_bits() & !hosts;
                (bits <= 32)
                    .then_some((IpAddr::V4(first.into()), IpAddr::V4((first | hosts).into())))?
            }
            IpAddr::V6(address) => {
                let hosts = u128::MAX.checked_shr(bits).unwrap_or(0);
                let first = address.to_bits() & !hosts;
                (bits <= 128)
                    .then_some((IpAddr::V6(first.into()), IpAddr::V6((first | hosts).into())))?
            }
        };
        Some(AddressSet { first, last })
    }

    /// Tells whether a text is an address of the set.
    pub(crate) fn contains_text(&self, text: &str) -> bool {
        text.parse().is_ok_and(|address| self.contains(address))
    }

    fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && self.first <= address && address <= self.last
    }

    /// Tells whether an address of the set stands somewhere in a line.
    pub(crate) fn found_in(&self, line: &str) -> bool {
        let part = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':');
        line.split(|c| !part(c))
            .filter(|word| word.len() >= 2)
            .any(|word| self.within(word))
    }

    /// Tells whether a run of address characters is one of the set, with a port or without.
    fn within(&self, word: &str) -> bool {
        let bare = word.trim_end_matches(['.', ':']);
        let without_port = bare.rsplit_once(':').map(|(address, _)| address);
        self.contains_text(bare)
            || without_port
                .is_some_and(|address| self.first.is_ipv4() && self.contains_text(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(set: &str, line: &str, found: bool) {
        let set = AddressSet::parse(set).unwrap();
        assert_eq!(set.found_in(line), found, "{set:?} {line}");
    }

    #[test]
    fn addresses_are_found_within_lines() {
        check("192.168.4.5", "from 192.168.4.5:80 to x", true);
        check("192.168.4.5", "from 192.168.4.50", false);
        check("10.0.0.0/8", "[10.255.0.1] ok", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("0.0.0.0/0", "8.8.8.8.", true);
        check("10.0.0.1-10.0.0.9", "a 10.0.0.9 b", true);
        check("::1", "peer=[::1]:80", true);
        check("2001:db8::/32", "2001:db8::ff00:42:8329", true);
    }

    #[test]
    fn what_is_not_a_set_is_refused() {
        for text in [
            "",
            "abc",
            "10.0.0.0/33",
            "10.0.0.9-10.0.0.1",
            "10.0.0.1-::1",
        ] {
            assert!(AddressSet::parse(text).is_err(), "{text}");
        }
    }
}
