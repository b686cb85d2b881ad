//! Writes protobuf messages for tests, sound ones and others.

/// A message that is being written.
#[derive(Clone, Default)]
pub(crate) struct Message(pub(crate) Vec<u8>);

impl Message {
    pub(crate) fn new() -> Message {
        Message::default()
    }

    pub(crate) fn varint(mut self, number: u32, value: u64) -> Message {
        put(&mut self.0, u64::from(number) << 3);
        put(&mut self.0, value);
        self
    }

    pub(crate) fn double(mut self, number: u32, value: f64) -> Message {
        put(&mut self.0, u64::from(number) << 3 | 1);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(crate) fn bytes(mut self, number: u32, bytes: impl AsRef<[u8]>) -> Message {
        put(&mut self.0, u64::from(number) << 3 | 2);
        put(&mut self.0, bytes.as_ref().len() as u64);
        self.0.extend_from_slice(bytes.as_ref());
        self
    }

    pub(crate) fn message(self, number: u32, message: Message) -> Message {
        self.bytes(number, message.0)
    }

    pub(crate) fn packed(self, number: u32, values: impl IntoIterator<Item = u64>) -> Message {
        let mut packed = Vec::new();
        values.into_iter().for_each(|value| put(&mut packed, value));
        self.bytes(number, packed)
    }
}

pub(crate) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
