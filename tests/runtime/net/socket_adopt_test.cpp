// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>

#include "../test_kit.hpp"
#include "net_kit.hpp"
#include "raw_socket.hpp"
#include "shortage.hpp"
#include "system_calls.hpp"

// Descriptors that Eddy did not open become its streams and listeners.

namespace {

using namespace eddy::testing;
using eddy::Address;
using eddy::InvalidState;
using eddy::IoError;
using eddy::NativeSocket;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;
using eddy::UnixListener;
using eddy::UnixStream;

/// The four ways to adopt a descriptor, and what they say their name is.
struct Way {
    std::string name;
    std::function<void(NativeSocket)> adopt;
};

const std::vector<Way>& ways() {
    static const std::vector<Way> all = {
        {"TcpStream::adopt", [](NativeSocket fd) { TcpStream::adopt(fd).close(); }},
        {"UnixStream::adopt", [](NativeSocket fd) { UnixStream::adopt(fd).close(); }},
        {"TcpListener::adopt", [](NativeSocket fd) { TcpListener::adopt(fd).close(); }},
        {"UnixListener::adopt", [](NativeSocket fd) { UnixListener::adopt(fd).close(); }},
    };
    return all;
}

std::string refusal(const Way& way, NativeSocket fd) {
    try {
        way.adopt(fd);
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "took it";
}

Raw raw_unix_listener(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    Raw listener = raw_socket(AF_UNIX, SOCK_STREAM);
    CHECK(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    CHECK(::listen(listener.get(), 8) == 0);
    return listener;
}

EDDY_NET_TEST("a connected TCP descriptor is adopted: non-blocking, not inherited, without delay") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    Raw raw = raw_tcp_client(listener.local_address());
    CHECK_FALSE(is_non_blocking(raw.get()));
    CHECK_FALSE(is_close_on_exec(raw.get()));
    const int number = raw.get();
    {
        TcpStream stream = TcpStream::adopt(raw.give());
        CHECK(stream.native_handle() == number);
        CHECK(is_non_blocking(number));
        CHECK(is_close_on_exec(number));
        CHECK(int_option(number, IPPROTO_TCP, TCP_NODELAY) == 1);
        CHECK(stream.peer_address() == listener.local_address());
        auto served = eddy::spawn(echo<TcpStream>, co_await listener.accept());
        co_await stream.write_all("hello");
        const std::string text = co_await read_text(stream);
        CHECK(text == "hello");
        co_await stream.shutdown();
        const std::string end = co_await read_text(stream);
        CHECK(end.empty());
        co_await served;
    }
    CHECK_FALSE(is_open_descriptor(number));  // it was the stream's to close
}

EDDY_NET_TEST("a Unix descriptor is adopted, with what is there to be read already") {
    auto [one, other] = raw_unix_pair();
    CHECK(::send(other.get(), "early", 5, MSG_NOSIGNAL) == 5);
    UnixStream stream = UnixStream::adopt(one.give());
    UnixStream peer = UnixStream::adopt(other.give());
    const std::string text = co_await read_text(stream);
    CHECK(text == "early");
    co_await stream.write_all("answer");
    stream.close();
    const std::string answer = co_await read_all(peer);
    CHECK(answer == "answer");
}

EDDY_NET_TEST("a descriptor that listens is adopted, accepts and is served") {
    TcpListener listener = TcpListener::adopt(raw_tcp_listener().give());
    CHECK(listener.local_address().port() != 0);
    CHECK(is_non_blocking(listener.native_handle()));
    CHECK(is_close_on_exec(listener.native_handle()));
    const Address local = listener.local_address();
    auto serving = eddy::spawn(
        [](TcpListener& on) -> Task<> { co_await eddy::serve(on, echo<TcpStream>); }(listener));
    TcpStream client = co_await eddy::connect(local);
    co_await client.write_all("hello");
    const std::string text = co_await read_text(client);
    CHECK(text == "hello");
    client.close();
    listener.close();
    co_await serving;
}

EDDY_NET_TEST("an adopted Unix listener knows its path, and leaves the file to who made it") {
    std::string folder = "/tmp/eddy-adopt-XXXXXX";
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    const std::string path = folder + "/socket";
    {
        UnixListener listener = UnixListener::adopt(raw_unix_listener(path).give());
        CHECK(listener.local_address() == path);
        UnixStream client = co_await eddy::connect_unix(path);
        const UnixStream server = co_await listener.accept();
        listener.close();
        CHECK(std::filesystem::is_socket(path));
    }
    CHECK(std::filesystem::is_socket(path));
    std::filesystem::remove_all(folder);

    const std::string name("\0eddy adopt", 11);
    UnixListener made = UnixListener::listen(name);
    const UnixListener again = UnixListener::adopt(made.release());
    CHECK(again.local_address() == name);
}

EDDY_NET_TEST("what cannot be adopted is said to be what it is, and stays its caller's") {
    const std::size_t before = open_fds();
    const Raw file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const Raw datagram = raw_socket(AF_INET, SOCK_DGRAM);
    const Raw tcp_listener = raw_tcp_listener();
    const Raw unconnected = raw_socket(AF_INET, SOCK_STREAM);
    const auto [local, local_peer] = raw_unix_pair();
    const auto [packets, packets_peer] = raw_unix_pair(SOCK_SEQPACKET);
    const Raw local_listener = raw_unix_listener(std::string(1, '\0') + "eddy refused");
    const Raw tcp = [&tcp_listener] {
        sockaddr_storage at{};
        socklen_t length = sizeof at;
        CHECK(::getsockname(tcp_listener.get(), reinterpret_cast<sockaddr*>(&at), &length) == 0);
        sockaddr_in v4{};
        std::memcpy(&v4, &at, sizeof v4);
        return raw_tcp_client(Address::loopback(ntohs(v4.sin_port)));
    }();
    const auto says = [](int fd, std::size_t way, const std::string& reason) {
        const std::string text = refusal(ways()[way], fd);
        CHECK(text == ways()[way].name + ": descriptor " + std::to_string(fd) + " " + reason);
        CHECK((fd < 0 || fd > 60000 || is_open_descriptor(fd)));
    };
    for (const std::size_t way : {0U, 1U, 2U, 3U}) {
        says(-1, way, "is not open");
        says(65530, way, "is not open");
        says(file.get(), way, "is no socket");
        says(datagram.get(), way, "is a datagram socket: a stream is wanted");
        says(packets.get(), way, "is a socket, but no stream");
    }
    says(tcp.get(), 1, "is of the Internet: TcpStream::adopt takes it");
    says(tcp_listener.get(), 3, "is of the Internet: TcpListener::adopt takes it");
    says(local.get(), 0, "is a Unix socket: UnixStream::adopt takes it");
    says(local_listener.get(), 2, "is a Unix socket: UnixListener::adopt takes it");
    says(tcp_listener.get(), 0, "listens: TcpListener::adopt takes it");
    says(local_listener.get(), 1, "listens: UnixListener::adopt takes it");
    says(tcp.get(), 2, "does not listen");
    says(local.get(), 3, "does not listen");
    says(unconnected.get(), 0, "is not connected, or not any more");
    CHECK_FALSE(is_non_blocking(unconnected.get()));  // nothing was done to it
    CHECK_FALSE(is_close_on_exec(unconnected.get()));
    CHECK(open_fds() == before + 10);
    co_return;
}

EDDY_NET_TEST("a connection that was reset before it is adopted is not connected any more") {
    TcpPair pair = co_await tcp_pair();
    const Raw raw(pair.client.release());
    pair.server.close_reset();
    co_await settle();
    char byte = 0;
    while (::recv(raw.get(), &byte, 1, 0) < 0 && errno == EAGAIN) {
        co_await settle();  // until the reset is there
    }
    CHECK_THROWS_AS(static_cast<void>(TcpStream::adopt(raw.get())), std::invalid_argument);
    CHECK(is_open_descriptor(raw.get()));
}

EDDY_NET_TEST("a descriptor that this loop watches already is refused, and its stream goes on") {
    TcpPair pair = co_await tcp_pair();
    std::array<std::byte, 8> buffer{};
    auto reader = eddy::spawn(read_task(pair.client, buffer));
    co_await settle();
    CHECK_THROWS_AS(static_cast<void>(TcpStream::adopt(pair.client.native_handle())), InvalidState);
    co_await pair.server.write_all("x");
    const std::size_t count = co_await reader;
    CHECK(count == 1);
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    auto accepting = eddy::spawn(accept_task(listener));
    co_await settle();
    CHECK_THROWS_AS(static_cast<void>(TcpListener::adopt(listener.native_handle())), InvalidState);
    const TcpStream client = co_await eddy::connect(listener.local_address());
    co_await accepting;
}

TEST_CASE("outside a loop nothing is adopted, and the descriptor stays its caller's") {
    const auto [one, other] = raw_unix_pair();
    CHECK_THROWS_AS(static_cast<void>(UnixStream::adopt(one.get())), InvalidState);
    CHECK(is_open_descriptor(one.get()));
    const Raw listening = raw_tcp_listener();
    CHECK_THROWS_AS(static_cast<void>(TcpListener::adopt(listening.get())), InvalidState);
    CHECK(is_open_descriptor(listening.get()));
}

TEST_CASE("a loop that is ending adopts nothing, and the descriptor stays its caller's") {
    const auto [one, other] = raw_unix_pair();
    bool refused = false;
    struct AtEnd {
        int fd;
        bool& refused;
        ~AtEnd() {
            try {
                static_cast<void>(UnixStream::adopt(fd));
            } catch (const eddy::LoopClosed&) {
                refused = true;
            }
        }
    };
    const auto job = [&]() -> Task<> {
        const AtEnd end{one.get(), refused};
        co_await eddy::shield(eddy::sleep_forever());
    };
    const auto main = [&]() -> Task<> {
        eddy::spawn(job()).detach();
        co_await settle();
    };
    RecordingObserver observer;
    VirtualClock clock;
    eddy::Loop({.clock = &clock, .observer = &observer})
        .run(main(), {.grace = eddy::Duration::zero()});
    CHECK(refused);
    CHECK(is_open_descriptor(one.get()));
}

#if EDDY_SYSTEM_CALL_FAULTS

EDDY_NET_TEST("whichever system call of an adoption fails, the descriptor stays its caller's") {
    TcpListener home = TcpListener::listen(Address::loopback(0));
    const std::array<Raw, 4> given{raw_tcp_client(home.local_address()),
                                   raw_unix_pair().first,
                                   raw_tcp_listener(),
                                   raw_unix_listener(std::string(1, '\0') + "eddy faults")};
    const TcpStream peer = co_await home.accept();
    std::size_t faults = 0;
    for (std::size_t way = 0; way < given.size(); ++way) {
        const int fd = given[way].get();
        for (const SystemCall call : {SystemCall::getsockopt,
                                      SystemCall::setsockopt,
                                      SystemCall::getsockname,
                                      SystemCall::getpeername,
                                      SystemCall::ioctl,
                                      SystemCall::watch}) {
            for (std::size_t nth = 1;; ++nth) {
                INFO(ways()[way].name << ": " << name_of(call) << " no. " << nth);
                const std::size_t before = open_fds();
                bool failed = false;
                bool threw = false;
                {
                    Raw copy(::dup(fd));  // what is taken over is closed
                    const FailNth plan(call, ENOBUFS, nth);
                    try {
                        ways()[way].adopt(copy.get());
                        static_cast<void>(copy.give());
                    } catch (const IoError&) {
                        threw = true;
                        CHECK(is_open_descriptor(copy.get()));
                    }
                    failed = plan.failed() != 0;
                }
                CHECK(open_fds() == before);
                CHECK(threw == failed);
                if (!failed) {
                    break;
                }
                ++faults;
                co_await settle();
            }
        }
        ways()[way].adopt(::dup(fd));  // all of them together
    }
    MESSAGE(faults << " faults");
    CHECK(faults > 30);
}

#endif

#if EDDY_HEAP_HOOKS

TEST_CASE("without memory nothing is adopted, and the descriptor stays its caller's") {
    std::size_t closed = 0;
    survives_shortage([&closed](ShortageRun& run) {
        const auto [one, other] = raw_unix_pair();
        const Raw listening = raw_unix_listener(std::string(1, '\0') + "eddy shortage of memory");
        const auto main = [&]() -> Task<> {
            run.begin();
            try {
                UnixStream stream = UnixStream::adopt(one.get());
                static_cast<void>(stream.release());
                UnixListener listener = UnixListener::adopt(listening.get());
                static_cast<void>(listener.release());
            } catch (const std::bad_alloc&) {
            }
            run.end();
            closed += is_open_descriptor(one.get()) ? 0U : 1U;
            closed += is_open_descriptor(listening.get()) ? 0U : 1U;
            co_return;
        };
        VirtualClock clock;
        eddy::Loop({.clock = &clock}).run(main());
    });
    CHECK(closed == 0);
}

#endif

}  // namespace
