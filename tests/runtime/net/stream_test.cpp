// SPDX-License-Identifier: MIT
#include <eddy/net/stream.hpp>

#include <concepts>

#include <doctest/doctest.h>

#include <eddy/net/socket_stream.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/memory_stream.hpp>

// Who is a stream, and who is a listener. What they promise is in the contract
// (eddy/testing/stream_contract.hpp), which runs over each of them.

namespace {

using eddy::accepted_t;
using eddy::Listener;
using eddy::ReadStream;
using eddy::Stream;
using eddy::WriteStream;
using eddy::testing::MemoryListener;
using eddy::testing::MemoryStream;

template <class S>
constexpr bool is_owned_stream = Stream<S> && std::movable<S> && !std::copyable<S>;

static_assert(is_owned_stream<eddy::TcpStream>);
static_assert(is_owned_stream<eddy::UnixStream>);
static_assert(is_owned_stream<MemoryStream>);
static_assert(Stream<eddy::TimedStream<eddy::TcpStream>>);
static_assert(Stream<eddy::TimedStream<eddy::UnixStream>>);
static_assert(Stream<eddy::TimedStream<MemoryStream>>);

static_assert(ReadStream<eddy::ReadHalf> && !WriteStream<eddy::ReadHalf>);
static_assert(WriteStream<eddy::WriteHalf> && !ReadStream<eddy::WriteHalf>);
static_assert(!Stream<eddy::ReadHalf> && !Stream<eddy::WriteHalf>);

static_assert(Listener<eddy::TcpListener>);
static_assert(Listener<eddy::UnixListener>);
static_assert(Listener<MemoryListener>);
static_assert(std::same_as<accepted_t<eddy::TcpListener>, eddy::TcpStream>);
static_assert(std::same_as<accepted_t<eddy::UnixListener>, eddy::UnixStream>);
static_assert(std::same_as<accepted_t<MemoryListener>, MemoryStream>);
static_assert(!Listener<eddy::TcpStream> && !Stream<eddy::TcpListener>);

}  // namespace
