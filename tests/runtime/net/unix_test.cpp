// SPDX-License-Identifier: MIT
#include <eddy/net/unix.hpp>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <system_error>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/testing/stream_contract.hpp>
#include <eddy/with_scope.hpp>

#include "../test_kit.hpp"
#include "net_kit.hpp"

namespace {

using namespace eddy::testing;
using eddy::BrokenResource;
using eddy::ClosedResource;
using eddy::IoError;
using eddy::Task;
using eddy::UnixListener;
using eddy::UnixStream;

/// A folder of its own, for one test.
class Folder final {
public:
    Folder() {
        std::string name = "/tmp/eddy-unix-XXXXXX";
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { std::filesystem::remove_all(path_); }
    [[nodiscard]] std::string file(const char* name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

EDDY_NET_TEST("a listener on a path accepts, and takes its file away") {
    const Folder folder;
    const std::string path = folder.file("socket");
    {
        UnixListener listener = UnixListener::listen(path);
        CHECK(listener.local_address() == path);
        CHECK(std::filesystem::is_socket(path));
        UnixStream client = co_await eddy::connect_unix(path);
        UnixStream server = co_await listener.accept();
        auto served = eddy::spawn(echo<UnixStream>, std::move(server));
        co_await client.write_all("hello");
        const std::string text = co_await read_text(client);
        CHECK(text == "hello");
        co_await client.shutdown();
        const std::string end = co_await read_text(client);
        CHECK(end.empty());
        co_await served;
    }
    CHECK_FALSE(std::filesystem::exists(path));
}

EDDY_NET_TEST("a listener that is moved takes its file along, one that is replaced removes it") {
    const Folder folder;
    const std::string path = folder.file("socket");
    const std::string other = folder.file("other");
    UnixListener first = UnixListener::listen(path);
    UnixListener moved(std::move(first));
    CHECK_FALSE(first.is_open());  // NOLINT(bugprone-use-after-move)
    CHECK(moved.local_address() == path);
    UnixStream client = co_await eddy::connect_unix(path);
    const UnixStream server = co_await moved.accept();
    CHECK(server.is_open());

    UnixListener second = UnixListener::listen(other);
    auto accepting = eddy::spawn(accept_task(second));
    co_await let_run();
    second = std::move(moved);
    CHECK_FALSE(std::filesystem::exists(other));
    CHECK(second.local_address() == path);
    const auto error = co_await failure_of(accepting);
    CHECK(holds<eddy::ClosedResource>(error));
    const UnixStream again = co_await eddy::connect_unix(path);
    CHECK(again.is_open());
    UnixListener& itself = second;
    second = std::move(itself);
    CHECK(std::filesystem::exists(path));
    second.close();
    CHECK_FALSE(std::filesystem::exists(path));
}

EDDY_NET_TEST("a listener leaves the file of its successor alone") {
    const Folder folder;
    const std::string path = folder.file("socket");
    UnixListener first = UnixListener::listen(path);
    std::filesystem::remove(path);
    const UnixListener second = UnixListener::listen(path);
    first.close();
    CHECK(std::filesystem::exists(path));
    const UnixStream client = co_await eddy::connect_unix(path);
    CHECK(client.is_open());
}

EDDY_NET_TEST("a path in use is refused, a stale one can be removed") {
    const Folder folder;
    const std::string path = folder.file("socket");
    {
        const UnixListener alive = UnixListener::listen(path);
        CHECK_THROWS_AS(static_cast<void>(UnixListener::listen(path)), IoError);
        CHECK_THROWS_AS(static_cast<void>(UnixListener::listen(path, {.remove_stale = true})),
                        IoError);
        std::filesystem::rename(path, folder.file("stale"));
    }
    const std::string stale = folder.file("stale");
    REQUIRE(std::filesystem::exists(stale));
    CHECK_THROWS_AS(static_cast<void>(UnixListener::listen(stale)), IoError);
    const UnixListener next = UnixListener::listen(stale, {.remove_stale = true});
    CHECK(next.is_open());
    std::ofstream(folder.file("plain")) << "precious";
    CHECK_THROWS_AS(
        static_cast<void>(UnixListener::listen(folder.file("plain"), {.remove_stale = true})),
        IoError);
    CHECK(std::filesystem::file_size(folder.file("plain")) == 8);
    co_return;
}

TEST_CASE("a listener that did not come about leaves no file") {
    const Folder folder;
    const std::string path = folder.file("socket");
    CHECK_THROWS_AS(static_cast<void>(UnixListener::listen(path)), eddy::InvalidState);
    CHECK_FALSE(std::filesystem::exists(path));
}

EDDY_NET_TEST("an abstract name needs no file") {
    const std::string name = std::string("\0eddy-test-", 11) + std::to_string(getpid());
    UnixListener listener = UnixListener::listen(name);
    UnixStream client = co_await eddy::connect_unix(name);
    UnixStream server = co_await listener.accept();
    co_await server.write_all("x");
    const std::string text = co_await read_text(client);
    CHECK(text == "x");
}

EDDY_NET_TEST("paths that the system would cut off are refused") {
    CHECK_THROWS_AS(static_cast<void>(UnixListener::listen("")), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(UnixListener::listen(std::string(108, 'x'))),
                    std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(UnixListener::listen(std::string("a\0b", 3))),
                    std::invalid_argument);
    const auto error = co_await error_of(eddy::connect_unix(std::string(108, 'x')));
    CHECK(holds<std::invalid_argument>(error));
}

EDDY_NET_TEST("nobody at the path: an error that names it") {
    const Folder folder;
    const auto error = co_await error_of(eddy::connect_unix(folder.file("nothing")));
    CHECK(holds<IoError>(error));
    CHECK(as<IoError>(error).code() == std::errc::no_such_file_or_directory);
    CHECK(std::string(as<IoError>(error).what()).find("connect " + folder.file("nothing")) == 0);
}

EDDY_NET_TEST("a pair is connected with itself") {
    auto [one, other] = UnixStream::pair();
    co_await one.write_all("there");
    co_await other.write_all("back");
    const std::string there = co_await read_text(other);
    const std::string back = co_await read_text(one);
    CHECK(there == "there");
    CHECK(back == "back");
    other.close();
    const std::string end = co_await read_text(one);
    CHECK(end.empty());
    const auto error = co_await error_of(write_task(one, bytes_of("x")));
    CHECK(holds<BrokenResource>(error));
    const std::string still = co_await read_text(one);
    CHECK(still.empty());  // a write that fails does not turn an orderly end into a reset
}

EDDY_NET_TEST("closing one end wakes those who wait on it") {
    auto [one, other] = UnixStream::pair();
    std::array<std::byte, 8> buffer{};
    auto reader = eddy::spawn(read_task(one, buffer));
    co_await fill(one);
    auto writer = eddy::spawn(write_task(one, bytes_of("x")));
    co_await settle();
    one.close();
    const auto reading = co_await failure_of(reader);
    CHECK(holds<ClosedResource>(reading));
    const auto writing = co_await failure_of(writer);
    CHECK(holds<ClosedResource>(writing));
}

EDDY_NET_TEST("a write cancelled halfway is known to its own side") {
    auto [one, other] = UnixStream::pair();
    const std::vector<std::byte> large(8U << 20U);
    eddy::CancelScope scope;
    auto writer = eddy::spawn(with_scope(scope, write_task(one, large)));
    co_await settle();
    scope.cancel();
    const bool written = co_await writer;
    CHECK_FALSE(written);
    const auto error = co_await error_of(write_task(one, bytes_of("x")));
    CHECK(holds<BrokenResource>(error));
}

EDDY_NET_TEST("a Unix listener closed while a job accepts ends its wait") {
    const Folder folder;
    UnixListener listener = UnixListener::listen(folder.file("socket"));
    auto job = eddy::spawn(accept_task(listener));
    co_await settle();
    CHECK(listener.statistics().waiters == 1);
    listener.close();
    const auto error = co_await failure_of(job);
    CHECK(holds<ClosedResource>(error));
    CHECK_FALSE(listener.is_open());
}

struct UnixPair {
    static constexpr std::size_t plenty = 16UL << 20U;
    static constexpr bool resets = false;
    static Task<std::pair<UnixStream, UnixStream>> make() { co_return UnixStream::pair(); }
};

EDDY_NET_TEST("a backlog is at least one") {
    CHECK_THROWS_AS(static_cast<void>(UnixListener::listen("/tmp/eddy-none", {.backlog = 0})),
                    std::invalid_argument);
    co_return;
}

EDDY_NET_TEST("a pair without descriptors for it is an error") {
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    const rlimit none{3, before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    std::error_code code;
    std::string text;
    try {
        static_cast<void>(UnixStream::pair());
    } catch (const IoError& error) {
        code = error.code();
        text = error.what();
    }
    setrlimit(RLIMIT_NOFILE, &before);
    CHECK(code == std::errc::too_many_files_open);
    CHECK(text.starts_with("socketpair: "));
    co_return;
}

}  // namespace

EDDY_STREAM_CONTRACT("UnixStream", UnixPair)
