//! UDP sockets with buffers large enough for QUIC.
//!
//! In: an address and the wished buffer size. Out: a bound socket and the size that was granted.
//! Bound: the kernel grants at most `net.core.rmem_max` and `wmem_max`; less than asked for is
//! logged, because packets are then lost at the socket.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// A bound socket and what the kernel granted it.
#[derive(Debug)]
pub(crate) struct QuicSocket {
    pub(crate) socket: UdpSocket,
    pub(crate) receive_buffer_bytes: usize,
}

/// Binds a UDP socket and asks for buffers of `buffer_bytes`.
pub(crate) fn bind(address: SocketAddr, buffer_bytes: usize) -> io::Result<QuicSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    let receive_buffer_bytes = raise_buffers(&socket, buffer_bytes)?;
    Ok(QuicSocket {
        socket: socket.into(),
        receive_buffer_bytes,
    })
}

fn raise_buffers(socket: &Socket, wished: usize) -> io::Result<usize> {
    socket.set_recv_buffer_size(wished)?;
    socket.set_send_buffer_size(wished)?;
    // Linux doubles what it grants to have room for its own bookkeeping, and reports that.
    let granted = socket.recv_buffer_size()? / 2;
    if granted < wished {
        tracing::warn!(
            granted_bytes = granted,
            wished_bytes = wished,
            "UDP buffer is smaller than asked for: raise net.core.rmem_max and net.core.wmem_max"
        );
    }
    Ok(granted)
}
