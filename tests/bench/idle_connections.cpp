// SPDX-License-Identifier: MIT
// What a connection costs that says nothing: memory, descriptors, handles. The server is this
// process, its clients a forked one, so that each has as many descriptors as the limit allows.
// Every connection is opened, carries a 64-byte message both ways, is idle, and is closed.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <string_view>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <uv.h>

#include <eddy/loop.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task.hpp>

#include "finished.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Address;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;

constexpr std::size_t message_size = 64;

// Of heap, per connection: the measured figures (README.md) and a fifth.
#ifdef __OPTIMIZE__
constexpr std::size_t most_served = 1520;
#else
constexpr std::size_t most_served = 2048;  // frames keep every temporary
#endif
constexpr std::size_t most_alone = 400;
// Pools keep some thousand frames of each size for later, however many there were.
constexpr std::size_t most_kept = 5UL * 1024 * 1024;

void require(bool good, const char* what) {
    if (!good) {
        std::perror(what);
        std::_Exit(2);
    }
}

// --- the clients -------------------------------------------------------------------------------

/// Blocking sockets in a process of their own. It does what it is told, and says when it is done.
class Clients final {
public:
    Clients() {
        int commands[2] = {-1, -1};
        int replies[2] = {-1, -1};
        require(pipe2(commands, O_CLOEXEC) == 0 && pipe2(replies, O_CLOEXEC) == 0, "pipe2");
        child_ = fork();
        require(child_ >= 0, "fork");
        if (child_ == 0) {
            close(commands[1]);
            close(replies[0]);
            obey(commands[0], replies[1]);
            std::_Exit(0);
        }
        close(commands[0]);
        close(replies[1]);
        commands_ = commands[1];
        replies_ = replies[0];
        require(fcntl(replies_, F_SETFL, O_NONBLOCK) == 0, "fcntl");
    }
    Clients(const Clients&) = delete;
    Clients& operator=(const Clients&) = delete;
    ~Clients() {
        close(commands_);  // which ends it
        close(replies_);
        int status = 0;
        waitpid(child_, &status, 0);
    }

    [[nodiscard]] Task<> open(std::uint16_t port, std::size_t count) {
        return order({'o', port, count});
    }
    [[nodiscard]] Task<> echo() { return order({'e', 0, 0}); }
    [[nodiscard]] Task<> close_all() { return order({'c', 0, 0}); }

private:
    struct Command {
        char what;
        std::uint16_t port;
        std::size_t count;
    };

    Task<> order(const Command command) {
        require(write(commands_, &command, sizeof command) == sizeof command, "write");
        char done = 0;
        while (read(replies_, &done, 1) != 1) {
            co_await eddy::sleep_for(1ms);
        }
    }

    static void obey(int commands, int replies) {
        Command command{};
        std::vector<int> sockets;
        while (read(commands, &command, sizeof command) == sizeof command) {
            switch (command.what) {
                case 'o':
                    for (std::size_t i = 0; i < command.count; ++i) {
                        sockets.push_back(connect_to(command.port));
                    }
                    break;
                case 'e':
                    for (const int socket : sockets) {
                        exchange(socket);
                    }
                    break;
                default:
                    for (const int socket : sockets) {
                        close(socket);
                    }
                    sockets.clear();
            }
            require(write(replies, &command.what, 1) == 1, "write");
        }
    }

    static int connect_to(std::uint16_t port) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        require(fd >= 0, "socket");
        require(connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0, "connect");
        return fd;
    }

    static void exchange(int socket) {
        std::array<char, message_size> message{};
        std::memset(message.data(), 'x', message.size());
        require(send(socket, message.data(), message.size(), 0) == message_size, "send");
        std::array<char, message_size> answer{};
        require(recv(socket, answer.data(), answer.size(), MSG_WAITALL) == message_size, "recv");
        require(message == answer, "the echo is what was sent");
    }

    pid_t child_ = -1;
    int commands_ = -1;
    int replies_ = -1;
};

// --- what there is -----------------------------------------------------------------------------

struct Inventory {
    std::size_t heap = 0;  // bytes in use, as glibc's malloc sees it
    std::size_t resident = 0;
    std::size_t descriptors = 0;
    std::size_t handles = 0;

    static Inventory take() {
        Inventory now;
        const auto heap = mallinfo2();
        now.heap = heap.uordblks + heap.hblkhd;
        unsigned long pages = 0;
        unsigned long resident = 0;
        if (std::FILE* const file = std::fopen("/proc/self/statm", "r")) {
            if (std::fscanf(file, "%lu %lu", &pages, &resident) == 2) {
                now.resident = resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
            }
            std::fclose(file);
        }
        if (DIR* const folder = opendir("/proc/self/fd")) {
            while (readdir(folder) != nullptr) {
                ++now.descriptors;
            }
            closedir(folder);
            now.descriptors -= 3;  // ".", ".." and the folder itself
        }
        uv_walk(
            eddy::Loop::current().uv_loop(),
            [](uv_handle_t*, void* count) { ++*static_cast<std::size_t*>(count); },
            &now.handles);
        return now;
    }

    void print(const char* when) const {
        std::printf("%-28s %10zu %10zu %12zu %8zu\n",
                    when,
                    heap / 1024,
                    resident / 1024,
                    descriptors,
                    handles);
    }
};

std::size_t per_connection(const Inventory& before, const Inventory& with, std::size_t count) {
    return with.heap > before.heap ? (with.heap - before.heap) / count : 0;
}

// --- the server --------------------------------------------------------------------------------

Task<> echo(TcpStream stream) {
    std::array<std::byte, message_size> buffer;
    while (true) {
        const std::size_t count = co_await stream.read_some(buffer);
        if (count == 0) {
            co_return;
        }
        co_await stream.write_all(std::span<const std::byte>(buffer).first(count));
    }
}

struct Figures {
    Inventory before, opened, closed, again, trimmed;

    [[nodiscard]] bool heap_is_known() const { return opened.heap > before.heap; }

    std::size_t served = 0;  // bytes of heap per connection
    std::size_t alone = 0;
    double opening_ms = 0;
    double closing_ms = 0;
};

double milliseconds_since(eddy::TimePoint begun) {
    return std::chrono::duration<double, std::milli>(eddy::now() - begun).count();
}

Task<> all_closed(Clients& clients, const eddy::Server& server) {
    co_await clients.close_all();
    while (server.statistics().active != 0) {
        co_await eddy::sleep_for(1ms);
    }
    co_await eddy::sleep_for(1ms);  // handles go a turn later
}

/// With a job each that waits for the next message.
Task<> measure_served(Clients& clients, std::size_t count, Figures& figures) {
    TcpListener listener = TcpListener::listen(Address::loopback(0), {.backlog = 1024});
    const std::uint16_t port = listener.local_address().port();
    eddy::Server server({.max_connections = count});
    auto serving = eddy::spawn(eddy::serve(server, listener, echo));
    co_await clients.open(port, 1);  // what is made once
    co_await clients.echo();
    co_await all_closed(clients, server);
    figures.before = Inventory::take();
    const eddy::TimePoint begun = eddy::now();
    co_await clients.open(port, count);
    co_await clients.echo();
    figures.opening_ms = milliseconds_since(begun);
    require(server.statistics().active == count, "every connection is served");
    figures.opened = Inventory::take();
    const eddy::TimePoint ended = eddy::now();
    co_await all_closed(clients, server);
    figures.closing_ms = milliseconds_since(ended);
    figures.closed = Inventory::take();
    co_await clients.open(port, count);
    co_await clients.echo();
    co_await all_closed(clients, server);
    figures.again = Inventory::take();
    malloc_trim(0);
    figures.trimmed = Inventory::take();
    figures.served = per_connection(figures.before, figures.opened, count);
    server.drain();
    co_await serving;
}

/// Streams in a vector, that nobody reads.
Task<> measure_alone(Clients& clients, std::size_t count, Figures& figures) {
    TcpListener listener = TcpListener::listen(Address::loopback(0), {.backlog = 1024});
    std::vector<TcpStream> streams;
    streams.reserve(count);
    const Inventory before = Inventory::take();
    auto opening = eddy::spawn(clients.open(listener.local_address().port(), count));
    while (streams.size() < count) {
        streams.push_back(co_await listener.accept());
    }
    co_await opening;
    figures.alone = per_connection(before, Inventory::take(), count);
    co_await clients.close_all();
}

// --- the program -------------------------------------------------------------------------------

/// How many connections the limit of descriptors has room for.
std::size_t scale(std::size_t wanted) {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_NOFILE, &files);
    constexpr rlim_t others = 100;
    if (files.rlim_cur >= wanted + others) {
        return wanted;
    }
    const rlim_t room = files.rlim_cur > others ? files.rlim_cur - others : 1;
    std::printf(
        "only %zu connections instead of %zu: the hard limit is %zu descriptors (ulimit "
        "-Hn)\n",
        static_cast<std::size_t>(room),
        wanted,
        static_cast<std::size_t>(files.rlim_cur));
    return static_cast<std::size_t>(room);
}

void print(const Figures& figures, std::size_t count) {
    std::printf(
        "%zu connections, a %zu-byte message each way on every one\n\n", count, message_size);
    std::printf("%-28s %10s %10s %12s %8s\n", "", "heap KiB", "RSS KiB", "descriptors", "handles");
    figures.before.print("before");
    figures.opened.print("all idle");
    figures.closed.print("all closed");
    figures.again.print("opened and closed again");
    figures.trimmed.print("the same after malloc_trim");
    std::printf("\nopened and used in %.0f ms, closed in %.0f ms\n",
                figures.opening_ms,
                figures.closing_ms);
    if (!figures.heap_is_known()) {
        std::printf("no bytes per connection: the heap is not glibc's, but a sanitizer's\n");
        return;
    }
    std::printf(
        "heap per idle connection:   %zu bytes served (its job, the handler's frame, the "
        "stream), %zu bytes for the stream alone\n",
        figures.served,
        figures.alone);
    const std::size_t resident = figures.opened.resident - figures.before.resident;
    std::printf(
        "memory per idle connection: %zu bytes of the process; the kernel's buffers are "
        "its own\n",
        resident / count);
}

bool check(bool good, const char* what) {
    if (!good) {
        std::printf("FAILED: %s\n", what);
    }
    return good;
}

bool check(const Figures& figures, std::size_t count) {
    const Inventory& before = figures.before;
    const Inventory& closed = figures.closed;
    const Inventory& again = figures.again;
    bool good = check(figures.opened.descriptors == before.descriptors + count,
                      "a connection has one descriptor");
    good &= check(figures.opened.handles == before.handles + count, "a connection has one handle");
    good &= check(closed.descriptors == before.descriptors, "no descriptor is left");
    good &= check(again.descriptors == before.descriptors, "no descriptor is left");
    good &= check(closed.handles == before.handles, "no handle is left");
    good &= check(again.handles == before.handles, "no handle is left");
    good &= check(figures.served <= most_served, "a served connection is small");
    good &= check(figures.alone <= most_alone, "a stream is small");
    good &= check(closed.heap < before.heap + most_kept, "what is kept for later is bounded");
    good &= check(again.heap < closed.heap + 100 * 1024, "the second time nothing more is kept");
    return good;
}

int usage(std::FILE* out, int code) {
    std::fprintf(
        out,
        "usage: idle_connections [--connections N] [--check]\n"
        "  --connections N  1 to 1000000 (default: 10000)\n"
        "  --check          end with 1 when something is left, or larger than it should be\n");
    return bench::finished(code);
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t wanted = 10'000;
    bool checked = false;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--help") {
            return usage(stdout, 0);
        }
        if (argument == "--check") {
            checked = true;
        } else if (argument == "--connections" && i + 1 < argc) {
            wanted = std::strtoul(argv[++i], nullptr, 10);
        } else {
            return usage(stderr, 2);
        }
    }
    if (wanted == 0 || wanted > 1'000'000) {
        return usage(stderr, 2);
    }
    const std::size_t count = scale(wanted);
    Figures figures;
    Clients clients;
    eddy::run([](Clients& its, std::size_t size, Figures& out) -> Task<> {
        co_await measure_served(its, size, out);
        co_await measure_alone(its, size, out);
    }(clients, count, figures));
    print(figures, count);
    return bench::finished(!checked || check(figures, count) ? 0 : 1);
}
