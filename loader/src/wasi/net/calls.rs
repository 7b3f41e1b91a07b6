//! What guests ask of the network, and who answers: the host's own network, or whoever stands in its place.

use super::super::errno::Errno;
use super::super::wait::Stop;
use super::sockets::Stage;

/// A call of `bailiwick:virt/net`, whose documentation is in `virt.wit`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the parameters of the WIT")]
pub enum Request {
    Resolve { name: String },
    Connect { host: String, port: u16, wait: bool },
    Listeners,
    Listen { address: String, port: u16 },
    Accept { listener: u32, wait: bool },
    Send { socket: u32, data: Vec<u8>, wait: bool },
    Receive { socket: u32, len: u32, peek: bool, wait: bool },
    Bind { address: String, port: u16 },
    SendTo { socket: u32, data: Vec<u8>, host: String, port: u16 },
    ReceiveFrom { socket: u32, len: u32, wait: bool },
    Local { socket: u32 },
    Peer { socket: u32 },
    Shutdown { socket: u32, receiving: bool, sending: bool },
    Close { socket: u32 },
    Poll { subscriptions: Vec<(u32, Ready)>, timeout_ns: Option<u64> },
}

/// What a socket is asked to be ready for, or is: the flags `interest` and `readiness`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// There is something to read.
    pub read: bool,
    /// There is room to write.
    pub write: bool,
    /// The other end is gone.
    pub hangup: bool,
}

impl Ready {
    /// The flags, as they are numbered.
    pub fn bits(self) -> u8 {
        u8::from(self.read) | u8::from(self.write) << 1 | u8::from(self.hangup) << 2
    }

    /// From the flags; unknown ones are left out.
    pub fn from_bits(bits: u8) -> Ready {
        Ready { read: bits & 1 != 0, write: bits & 2 != 0, hangup: bits & 4 != 0 }
    }
}

/// What a call returns if it succeeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing.
    Done,
    /// A socket, or a number of bytes.
    Number(u32),
    /// Sockets.
    Numbers(Vec<u32>),
    /// Addresses.
    Texts(Vec<String>),
    /// What was received.
    Bytes(Vec<u8>),
    /// A datagram, and its sender's address and port.
    Datagram(Vec<u8>, (String, u16)),
    /// An address and a port.
    Endpoint((String, u16)),
    /// For each subscription.
    Ready(Vec<Ready>),
}

/// What a call that waited knows of its earlier attempts.
#[derive(Debug, Default)]
pub struct Progress {
    /// When the first was made, in nanoseconds of the host's monotonic clock.
    pub(super) began_ns: Option<u64>,
    /// How many bytes were moved.
    pub(super) moved: usize,
    pub(super) stage: Stage,
}

/// Answers a guest's calls. It never sleeps: it says what it waits for, and is asked again.
pub trait Answers: Send + Sync {
    /// Makes an attempt.
    ///
    /// # Errors
    /// [`Stop`]
    fn attempt(&self, request: &Request, progress: &mut Progress) -> Result<Reply, Stop>;

    /// Answers by way of another guest, if one stands between; else [`Answers::attempt`] is asked.
    fn instead(
        &self,
        _caller: &mut crate::Caller<'_>,
        _request: &Request,
    ) -> Option<Result<Result<Reply, Errno>, crate::HostError>> {
        None
    }

    /// Is told when a call was denied.
    fn denied(&self, function: &'static str, request: &Request, errno: Errno);
}
