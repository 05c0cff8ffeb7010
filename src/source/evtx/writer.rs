//! Writes small event logs the way Windows does, for tests: names and templates stand where they are used first and are
//! referred to from there on.

use std::collections::HashMap;

const CHUNK_BYTES: usize = 0x1_0000;

/// Name and text of an attribute, or the number and kind of the value it is filled with.
type Attribute<'a> = (&'a str, Result<&'a str, (u16, u8)>);

/// A value of a template.
pub(super) enum Item<'i> {
    Text(&'i str),
    Null,
    U16(u16),
    Hex64(u64),
    Time(u64),
    Sid(&'i [u8]),
    /// The data of the event: names and values.
    Data(&'i [(&'i str, &'i str)]),
}

#[derive(Default)]
pub(super) struct Writer {
    chunk: Vec<u8>,
    names: HashMap<String, usize>,
    templates: HashMap<String, usize>,
    records: u64,
    last: usize,
}

impl Writer {
    pub(super) fn new() -> Writer {
        Writer {
            chunk: vec![0; 512],
            ..Writer::default()
        }
    }

    fn put(&mut self, bytes: impl AsRef<[u8]>) {
        self.chunk.extend_from_slice(bytes.as_ref());
    }

    fn u32(&mut self, n: usize) {
        self.put(u32::try_from(n).unwrap().to_le_bytes());
    }

    fn utf16(&mut self, text: &str) -> u16 {
        let units: Vec<u16> = text.encode_utf16().collect();
        units.iter().for_each(|unit| self.put(unit.to_le_bytes()));
        u16::try_from(units.len()).unwrap()
    }

    fn name(&mut self, name: &str) {
        if let Some(at) = self.names.get(name) {
            return self.u32(*at);
        }
        let at = self.chunk.len() + 4;
        self.names.insert(name.to_owned(), at);
        self.u32(at);
        self.put([0; 4]);
        // As Windows hashes names.
        let hash = name
            .encode_utf16()
            .fold(0u32, |h, unit| h.wrapping_mul(65599).wrapping_add(u32::from(unit)));
        self.put(u16::try_from(hash & 0xffff).unwrap().to_le_bytes());
        self.put(u16::try_from(name.encode_utf16().count()).unwrap().to_le_bytes());
        self.utf16(name);
        self.put([0, 0]);
    }

    /// Opens an element with these attributes: fixed text, or the number of a value and its kind.
    fn open(&mut self, name: &str, depends: u16, attributes: &[Attribute<'_>]) -> usize {
        let any = !attributes.is_empty();
        self.put([if any { 0x41 } else { 0x01 }]);
        self.put(depends.to_le_bytes());
        let size = self.chunk.len();
        self.u32(0);
        self.name(name);
        if any {
            let at = self.chunk.len();
            self.u32(0);
            for (n, (name, value)) in attributes.iter().enumerate() {
                self.put([if n + 1 < attributes.len() { 0x46 } else { 0x06 }]);
                self.name(name);
                match value {
                    Ok(text) => self.fixed(text),
                    Err((number, kind)) => self.blank(*number, *kind),
                }
            }
            let long = u32::try_from(self.chunk.len() - at - 4).unwrap();
            self.chunk[at..at + 4].copy_from_slice(&long.to_le_bytes());
        }
        size
    }

    fn close(&mut self, size: usize) {
        self.put([0x04]);
        let long = u32::try_from(self.chunk.len() - size - 4).unwrap();
        self.chunk[size..size + 4].copy_from_slice(&long.to_le_bytes());
    }

    fn fixed(&mut self, text: &str) {
        self.put([0x05, 0x01]);
        let at = self.chunk.len();
        self.put([0, 0]);
        let units = self.utf16(text);
        self.chunk[at..at + 2].copy_from_slice(&units.to_le_bytes());
    }

    fn blank(&mut self, number: u16, kind: u8) {
        self.put([0x0e]);
        self.put(number.to_le_bytes());
        self.put([kind]);
    }

    /// `<name>{value}</name>`
    fn leaf(&mut self, name: &str, attributes: &[Attribute<'_>], value: (u16, u8)) {
        let size = self.open(name, value.0, attributes);
        self.put([0x02]);
        self.blank(value.0, value.1);
        self.close(size);
    }

    /// A template instance: its definition, once, and the values.
    fn template(&mut self, key: &str, define: impl Fn(&mut Writer), items: &[Item<'_>]) {
        self.put([0x0f, 1, 1, 0, 0x0c, 1]);
        self.put(u32::try_from(self.templates.len() + 7).unwrap().to_le_bytes());
        match self.templates.get(key) {
            Some(at) => self.u32(*at),
            None => {
                let at = self.chunk.len() + 4;
                self.templates.insert(key.to_owned(), at);
                self.u32(at);
                self.put([0; 4]);
                self.put([0x5a; 16]);
                let size = self.chunk.len();
                self.u32(0);
                self.put([0x0f, 1, 1, 0]);
                define(self);
                self.put([0]);
                let long = u32::try_from(self.chunk.len() - size - 4).unwrap();
                self.chunk[size..size + 4].copy_from_slice(&long.to_le_bytes());
            }
        }
        self.u32(items.len());
        let table = self.chunk.len();
        self.put(vec![0; 4 * items.len()]);
        for (n, item) in items.iter().enumerate() {
            let from = self.chunk.len();
            let kind = self.item(item);
            let long = u16::try_from(self.chunk.len() - from).unwrap();
            let [a, b] = long.to_le_bytes();
            self.chunk[table + 4 * n..table + 4 * n + 4].copy_from_slice(&[a, b, kind, 0]);
        }
    }

    fn item(&mut self, item: &Item<'_>) -> u8 {
        match item {
            Item::Null => 0,
            Item::Text(text) => {
                self.utf16(text);
                0x01
            }
            Item::U16(n) => {
                self.put(n.to_le_bytes());
                0x06
            }
            Item::Hex64(n) => {
                self.put(n.to_le_bytes());
                0x15
            }
            Item::Time(n) => {
                self.put(n.to_le_bytes());
                0x11
            }
            Item::Sid(bytes) => {
                self.put(bytes);
                0x13
            }
            Item::Data(pairs) => {
                let names: Vec<&str> = pairs.iter().map(|(name, _)| *name).collect();
                let values: Vec<Item<'_>> = pairs.iter().map(|(_, value)| Item::Text(value)).collect();
                let define = |w: &mut Writer| {
                    let size = w.open("EventData", 0xffff, &[]);
                    w.put([0x02]);
                    for (n, name) in (0u16..).zip(&names) {
                        w.leaf("Data", &[("Name", Ok(name))], (n, 0x01));
                    }
                    w.close(size);
                };
                self.template(&names.join(","), define, &values);
                self.put([0]);
                0x21
            }
        }
    }

    /// An event of the Security log.
    pub(super) fn event(&mut self, id: u16, time: u64, sid: Item<'_>, data: &[(&str, &str)]) {
        let begun = self.chunk.len();
        self.records += 1;
        self.last = begun;
        self.put([0x2a, 0x2a, 0, 0, 0, 0, 0, 0]);
        self.put(self.records.to_le_bytes());
        self.put(time.to_le_bytes());
        let define = |w: &mut Writer| {
            let event = w.open(
                "Event",
                0xffff,
                &[("xmlns", Ok("http://schemas.microsoft.com/win/2004/08/events/event"))],
            );
            w.put([0x02]);
            let system = w.open("System", 0xffff, &[]);
            w.put([0x02]);
            let provider = w.open(
                "Provider",
                0xffff,
                &[("Name", Ok("Microsoft-Windows-Security-Auditing"))],
            );
            w.put([0x03]);
            w.patch_empty(provider);
            w.leaf("EventID", &[], (0, 0x06));
            w.leaf("Keywords", &[], (1, 0x15));
            let created = w.open("TimeCreated", 0xffff, &[("SystemTime", Err((2, 0x11)))]);
            w.put([0x03]);
            w.patch_empty(created);
            let security = w.open("Security", 0xffff, &[("UserID", Err((3, 0x13)))]);
            w.put([0x03]);
            w.patch_empty(security);
            w.close(system);
            w.blank(4, 0x21);
            w.close(event);
        };
        let items = [
            Item::U16(id),
            Item::Hex64(0x8020_0000_0000_0000),
            Item::Time(time),
            sid,
            Item::Data(data),
        ];
        self.template("event", define, &items);
        self.put([0]);
        while self.chunk.len() % 8 != 4 {
            self.put([0]);
        }
        let size = u32::try_from(self.chunk.len() + 4 - begun).unwrap();
        self.put(size.to_le_bytes());
        self.chunk[begun + 4..begun + 8].copy_from_slice(&size.to_le_bytes());
    }

    fn patch_empty(&mut self, size: usize) {
        let long = u32::try_from(self.chunk.len() - size - 4).unwrap();
        self.chunk[size..size + 4].copy_from_slice(&long.to_le_bytes());
    }

    /// The chunk, whole.
    fn chunk(mut self) -> Vec<u8> {
        let free = self.chunk.len();
        let mut head = Vec::new();
        head.extend_from_slice(b"ElfChnk\0");
        for n in [1, self.records, 1, self.records] {
            head.extend_from_slice(&n.to_le_bytes());
        }
        for n in [128, self.last, free] {
            head.extend_from_slice(&u32::try_from(n).unwrap().to_le_bytes());
        }
        self.chunk[..head.len()].copy_from_slice(&head);
        self.chunk.resize(CHUNK_BYTES, 0);
        self.chunk
    }

    /// The file: header, this chunk, and one that was not used yet.
    pub(super) fn file(self) -> Vec<u8> {
        let mut file = Vec::new();
        file.extend_from_slice(b"ElfFile\0");
        for n in [0, 0, self.records + 1] {
            file.extend_from_slice(&n.to_le_bytes());
        }
        file.extend_from_slice(&128u32.to_le_bytes());
        for n in [1u16, 3, 4096, 1] {
            file.extend_from_slice(&n.to_le_bytes());
        }
        file.resize(4096, 0);
        file.extend(self.chunk());
        file.resize(4096 + 2 * CHUNK_BYTES, 0);
        file
    }
}
