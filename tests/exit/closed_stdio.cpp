// SPDX-License-Identifier: MIT
// A program that is started without some of its standard descriptors: it listens, connects,
// sleeps, looks a name up, hears a signal and offloads all the same, and none of its descriptors
// lands where somebody else's output goes. tests/exit/closed_stdio.sh starts it in all eight ways.
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <eddy/net/connect.hpp>
#include <eddy/net/resolve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/os/signal_set.hpp>
#include <eddy/report_failure.hpp>
#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>

namespace {

using eddy::Task;

bool is_socket(int fd) {
    struct stat opened{};
    return fstat(fd, &opened) == 0 && S_ISSOCK(opened.st_mode);
}

Task<bool> talk() {
    auto listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
    auto client = co_await eddy::connect(listener.local_address());
    auto server = co_await listener.accept();
    // Output of those who know nothing of this: it must not reach the peer.
    std::printf("printed\n");
    std::fflush(stdout);
    std::fprintf(stderr, "said\n");
    co_await server.write_all("hello");
    co_await server.shutdown();
    std::string text;
    std::vector<std::byte> buffer(100);
    std::size_t count = 1;
    while (count != 0) {
        count = co_await client.read_some(buffer);
        text.append(reinterpret_cast<const char*>(buffer.data()), count);
    }
    co_return text == "hello" && !is_socket(0) && !is_socket(1) && !is_socket(2);
}

Task<int> everything() {
    const bool talked = co_await talk();
    eddy::SignalSet signals{SIGUSR1};
    std::raise(SIGUSR1);
    const int number = co_await signals.next();
    co_await eddy::sleep_for(std::chrono::milliseconds(1));
    const int answer = co_await eddy::run_in_executor([] { return 42; });
    const auto addresses = co_await eddy::resolve("localhost", 80);
    eddy::report_failure(std::make_exception_ptr(42), "closed_stdio: as it should");  // logged
    co_return talked&& number == SIGUSR1&& answer == 42 && !addresses.empty() ? 0 : 3;
}

}  // namespace

int main() { return eddy::run_main(everything()); }
