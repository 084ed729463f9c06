// SPDX-License-Identifier: MIT
// What a reply costs a server that answers pipelined requests: through a `BufferedWriter`, gathered
// by hand into one write for each batch, and with one write for each reply.
#include <array>
#include <cstddef>
#include <functional>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <eddy/net/buffered_writer.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>

#include "command_line.hpp"
#include "counting_new.hpp"

namespace bench {

namespace {

constexpr std::size_t replies = 400'000;
constexpr std::string_view reply = "$24\r\nabcdefghijklmnopqrstuvwx\r\n";

/// A client on its own thread: a byte for each request of a batch, all of them in one write; the
/// next batch when the last reply is there.
void ask(std::uint16_t port, std::size_t depth, std::size_t batches) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    const std::string requests(depth, 'r');
    std::vector<char> buffer(1U << 20U);
    for (std::size_t i = 0; connected && i < batches; ++i) {
        if (::send(fd, requests.data(), requests.size(), MSG_NOSIGNAL) < 0) {
            break;
        }
        for (std::size_t left = depth * reply.size(); left != 0;) {
            const ssize_t length = ::recv(fd, buffer.data(), buffer.size(), 0);
            if (length <= 0) {
                ::close(fd);
                return;
            }
            left -= static_cast<std::size_t>(length);
        }
    }
    ::close(fd);
}

/// How the replies of the requests that have come are written.
struct Written {
    explicit Written(eddy::TcpStream& stream) : writer(stream) {}
    eddy::Task<> answer(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            co_await writer.write(reply);
        }
    }
    eddy::BufferedWriter<eddy::TcpStream> writer;
};

struct ByHand {
    explicit ByHand(eddy::TcpStream& to) : stream(to) {}
    eddy::Task<> answer(std::size_t count) {
        batch.clear();
        for (std::size_t i = 0; i < count; ++i) {
            batch += reply;
        }
        co_await stream.write_all(std::string_view(batch));
    }
    eddy::TcpStream& stream;
    std::string batch;
};

struct OneByOne {
    explicit OneByOne(eddy::TcpStream& to) : stream(to) {}
    eddy::Task<> answer(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            co_await stream.write_all(reply);
        }
    }
    eddy::TcpStream& stream;
};

template <class How>
eddy::Task<Sample> measure_answers(std::size_t depth) {
    eddy::TcpListener listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
    const std::size_t batches = (depth == 1 ? replies / 10 : replies) / depth;
    std::thread client(ask, listener.local_address().port(), depth, batches);
    eddy::TcpStream stream = co_await listener.accept();
    stream.set_nodelay(true);
    How how(stream);
    std::array<std::byte, 4096> buffer{};
    const Meter meter;
    while (true) {
        const std::size_t count = co_await stream.read_some(buffer);
        if (count == 0) {
            break;
        }
        co_await how.answer(count);
    }
    const Sample sample = meter.stop(batches * depth);
    client.join();
    co_return sample;
}

template <class How, std::size_t depth>
Sample answers() {
    return eddy::run(measure_answers<How>(depth));
}

template <std::size_t depth>
Row row(const char* name, const char* title) {
    return {.name = name,
            .title = title,
            .unit = "ns",
            .contenders = {{"writer", answers<Written, depth>},
                           {"by hand", answers<ByHand, depth>},
                           {"one by one", answers<OneByOne, depth>}},
            .targets = {{"by hand", 1.15}},
            .allocation_free = true};
}

}  // namespace

}  // namespace bench

int main(int count, char** arguments) {
    using namespace bench;
    std::vector<Row> rows;
    rows.push_back(row<1>("depth_1", "a reply of 32 bytes, request by request"));
    rows.push_back(row<16>("depth_16", "the same, 16 requests at a time"));
    rows.push_back(row<1000>("depth_1000", "the same, 1,000 requests at a time"));
    return run_main(count, arguments, rows);
}
