//! The heads of HTTP/2 frames in a stream of bytes (RFC 9113, 4.1). Whether what they frame is right is the HTTP library's affair.

/// Bytes before a client's first frame.
const PREFACE_BYTES: usize = 24;
const HEAD_BYTES: usize = 9;
/// An identifier and its value.
const SETTING_BYTES: usize = 6;

const END_STREAM: u8 = 0x1;
const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const PUSH_PROMISE: u8 = 0x5;
const GOAWAY: u8 = 0x7;
const CONTINUATION: u8 = 0x9;

/// SETTINGS_HEADER_TABLE_SIZE, and its value where nothing is said.
const HEADER_TABLE_SIZE: u16 = 0x1;
const HEADER_TABLE_BYTES_DEFAULT: u32 = 4_096;

/// What a frame is, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    GoAway,
    Headers,
    Other,
    Reset,
    /// A setting that makes the table of the compression smaller than it is at first (RFC 7541, 4.2).
    ShrinkingTable,
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    flags: u8,
    pub(super) stream: u32,
    /// Bytes of its payload.
    pub(super) length: u32,
}

impl Head {
    pub(super) const fn ends_stream(self) -> bool {
        self.flags & END_STREAM != 0
    }

    /// The head of a whole block of headers that is not the end of its stream; `length` is below 256.
    pub(super) const fn headers(stream: u32, length: usize) -> [u8; HEAD_BYTES] {
        let [a, b, c, d] = stream.to_be_bytes();
        [0, 0, length.to_le_bytes()[0], HEADERS, END_HEADERS, a, b, c, d]
    }
}

/// Where in a frame a direction is.
#[derive(Debug)]
pub(super) struct Frames {
    head: [u8; HEAD_BYTES],
    /// How much of the head is there; all of it while its payload passes.
    filled: usize,
    /// Bytes to pass before the next head.
    left: usize,
    /// Within a block of headers: nothing may come between its frames (RFC 9113, 6.10).
    in_block: bool,
    /// The setting that is passing, and how much of it is there; in SETTINGS only.
    setting: ([u8; SETTING_BYTES], usize),
}

impl Frames {
    pub(super) const fn new() -> Self {
        Self { head: [0; HEAD_BYTES], filled: 0, left: 0, in_block: false, setting: ([0; SETTING_BYTES], 0) }
    }

    /// Of a client, whose first frame is behind the preface.
    pub(super) const fn behind_the_preface() -> Self {
        Self { left: PREFACE_BYTES, ..Self::new() }
    }

    /// Whether the next byte begins a frame that need not belong to a block of headers.
    pub(super) const fn is_between(&self) -> bool {
        self.filled == 0 && self.left == 0 && !self.in_block
    }

    /// Whether no block of headers is incomplete.
    pub(super) const fn is_between_blocks(&self) -> bool {
        !self.in_block
    }

    /// Takes what passes, and tells of each head, and of settings that matter.
    pub(super) fn pass(&mut self, mut bytes: &[u8], mut tell: impl FnMut(Head)) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let passing = self.left.min(bytes.len());
                self.payload(&bytes[..passing], &mut tell);
                self.left -= passing;
                bytes = &bytes[passing..];
                if self.left == 0 {
                    self.filled = 0;
                }
                continue;
            }
            let taken = bytes.len().min(HEAD_BYTES - self.filled);
            self.head[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled == HEAD_BYTES {
                self.whole_head(&mut tell);
            }
        }
    }

    fn whole_head(&mut self, tell: &mut impl FnMut(Head)) {
        let [a, b, c, kind, flags, d, e, f, g] = self.head;
        let length = u32::from_be_bytes([0, a, b, c]);
        self.left = length as usize;
        self.setting.1 = 0;
        if self.left == 0 {
            self.filled = 0;
        }
        if matches!(kind, CONTINUATION | HEADERS | PUSH_PROMISE) {
            self.in_block = flags & END_HEADERS == 0;
        }
        let kind = match kind {
            DATA => Kind::Data,
            GOAWAY => Kind::GoAway,
            HEADERS => Kind::Headers,
            RST_STREAM => Kind::Reset,
            _ => Kind::Other,
        };
        tell(Head { kind, flags, stream: u32::from_be_bytes([d, e, f, g]) & 0x7fff_ffff, length });
    }

    fn payload(&mut self, bytes: &[u8], tell: &mut impl FnMut(Head)) {
        // The preface passes without a head.
        if self.filled < HEAD_BYTES || self.head[3] != SETTINGS || self.head[4] & ACK != 0 {
            return;
        }
        for byte in bytes {
            let (setting, filled) = &mut self.setting;
            setting[*filled] = *byte;
            *filled = (*filled + 1) % SETTING_BYTES;
            let [a, b, value @ ..] = *setting;
            let shrinks = u16::from_be_bytes([a, b]) == HEADER_TABLE_SIZE && u32::from_be_bytes(value) < HEADER_TABLE_BYTES_DEFAULT;
            if *filled == 0 && shrinks {
                tell(Head { kind: Kind::ShrinkingTable, flags: 0, stream: 0, length: 0 });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    }

    fn told(frames: &mut Frames, bytes: &[u8]) -> Vec<(Kind, u32)> {
        let mut told = Vec::new();
        frames.pass(bytes, |head| told.push((head.kind, head.stream)));
        told
    }

    #[test]
    fn heads_are_found_however_the_bytes_arrive() {
        let settings = [&[0, 4, 0, 0, 255, 255][..], &[0, 1, 0, 0, 15, 255]].concat();
        let all = [
            vec![b'P'; PREFACE_BYTES],
            frame(SETTINGS, 0, 0, &settings),
            frame(HEADERS, END_HEADERS, 1, b"abc"),
            frame(DATA, END_STREAM, 1, &[0; 300]),
            frame(SETTINGS, ACK, 0, b""),
            frame(RST_STREAM, 0, 0x8000_0003, &[0; 4]),
            frame(GOAWAY, 0, 0, &[0; 8]),
        ]
        .concat();
        let expected = [
            (Kind::Other, 0),
            (Kind::ShrinkingTable, 0),
            (Kind::Headers, 1),
            (Kind::Data, 1),
            (Kind::Other, 0),
            (Kind::Reset, 3),
            (Kind::GoAway, 0),
        ];
        for size in [1, 2, 7, 9, 10, 64, all.len()] {
            let mut frames = Frames::behind_the_preface();
            let found: Vec<_> = all.chunks(size).flat_map(|bytes| told(&mut frames, bytes)).collect();
            assert_eq!(found, expected, "{size}");
            assert!(frames.is_between());
        }
    }

    #[test]
    fn a_table_of_the_usual_size_or_more_is_no_matter() {
        let mut frames = Frames::new();
        let found = told(&mut frames, &frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 16, 0, 0, 1, 0, 0, 64, 0]));
        assert_eq!(found, [(Kind::Other, 0)]);
    }

    #[test]
    fn nothing_goes_into_a_frame_or_a_block_of_headers() {
        let mut frames = Frames::new();
        let head = frame(HEADERS, 0, 1, b"ab");
        told(&mut frames, &head[..5]);
        assert!(!frames.is_between(), "within a head");
        told(&mut frames, &head[5..10]);
        assert!(!frames.is_between(), "within a payload");
        told(&mut frames, &head[10..]);
        assert!(!frames.is_between() && !frames.is_between_blocks(), "before the rest of the block");
        told(&mut frames, &frame(CONTINUATION, END_HEADERS, 1, b""));
        assert!(frames.is_between() && frames.is_between_blocks());
    }
}
