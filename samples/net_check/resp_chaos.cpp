// SPDX-License-Identifier: MIT
// resp_chaos <resp_server> [SECONDS [SEED]]: clients that push items to lists and wait for them on
// real sockets, give up, hang up, reset and are cut off in the middle by SIGTERM; and no item is
// lost, or comes twice.
//
// Nothing is excused: a push counts if it was answered, and a server that ends in good order
// answers all that it does; a client that leaves reads to the end, or could not have been given
// anything, or looks what it was given while the server is stopped.
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <iostream>
#include <set>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>

#include "../resp_server/reply.hpp"
#include "peers.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Task;
using net_check::check;

using Reader = eddy::BufferedReader<eddy::TcpStream>;

/// The same for the same seed; what the machine does is not.
class Chance {
public:
    explicit Chance(std::uint64_t seed) noexcept : state_(seed) {}
    /// In [0, n).
    [[nodiscard]] std::uint64_t below(std::uint64_t n) noexcept {
        state_ = state_ * 6364136223846793005U + 1442695040888963407U;
        return (state_ >> 33U) % n;
    }

private:
    std::uint64_t state_;
};

class Chaos {
public:
    Chaos(const net_check::Program& server, std::uint16_t port, std::uint64_t seed)
        : server_(server), port_(port), chance_(seed) {}

    Task<> run(eddy::Duration time) {
        co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
            for (int i = 0; i < pushers; ++i) {
                group.spawn(push_all_the_time(i));
            }
            for (int i = 0; i < poppers; ++i) {
                group.spawn(pop_all_the_time());
            }
            co_await eddy::sleep_for(time);
            ending_ = true;
            server_.signal(SIGTERM);
        });
    }

    /// What the server says at its end.
    void settle(const std::string& line) const {
        std::set<std::string> missing = pushed_;
        for (const std::string& item : received_) {
            check(missing.erase(item) == 1, item + " came, and its push was not answered");
        }
        const std::string left = " " + std::to_string(missing.size()) + " list items left in ";
        check(line.find(left) != std::string::npos,
              "items that are nowhere: of " + std::to_string(pushed_.size()) + " pushed " +
                  std::to_string(received_.size()) + " came; " + line);
        check(line.starts_with("served " + std::to_string(connections_) + " connections, "),
              "connections are counted: " + line);
        check(!pushed_.empty() && !received_.empty() && !missing.empty(), "something happens");
        std::cout << connections_ << " connections, " << pushed_.size() << " items pushed, "
                  << received_.size() << " came, " << missing.size() << " left; " << half_closes_
                  << " left by the half, " << resets_ << " reset, " << looks_
                  << " of them with what they had been given: " << found_ << " items\n";
    }

private:
    static constexpr int pushers = 4;
    static constexpr int poppers = 16;
    static constexpr std::uint64_t keys = 3;

    [[nodiscard]] Task<eddy::TcpStream> connect() {
        eddy::TcpStream stream = co_await eddy::connect(eddy::Address("127.0.0.1", port_));
        ++connections_;
        co_return stream;
    }

    // --- those who push

    Task<> push_all_the_time(int number) {
        std::uint64_t next = 0;
        while (!ending_) {
            try {
                auto stream = co_await connect();
                co_await push_for_a_while(std::move(stream), std::to_string(number), next);
            } catch (const eddy::EndOfStream&) {
                check(ending_, "a connection ended before its time");
            } catch (const eddy::IoError&) {
                check(ending_, "nobody listens before the time");
            }
        }
    }

    Task<> push_for_a_while(eddy::TcpStream stream, std::string name, std::uint64_t& next) {
        Reader reader(stream);
        const std::uint64_t rounds = 1 + chance_.below(50);
        for (std::uint64_t i = 0; i < rounds; ++i) {
            std::vector<std::vector<std::string>> pushes(1 + chance_.below(4));
            std::string text;
            for (auto& items : pushes) {
                std::vector<std::string> words{chance_.below(2) == 0 ? "LPUSH" : "RPUSH",
                                               chance_.below(20) == 0 ? "kept" : a_key()};
                for (std::uint64_t k = 0; k <= chance_.below(3); ++k) {
                    items.push_back("item:" + name + ":" + std::to_string(next++));
                    words.push_back(items.back());
                }
                resp::add_request(text, words);
            }
            co_await stream.write_all(std::string_view(text));
            for (const auto& items : pushes) {
                const resp::Reply reply = co_await resp::read_reply(reader);
                check(reply.kind == ':', "a push is answered by a number");
                pushed_.insert(items.begin(), items.end());
            }
            co_await eddy::sleep_for(chance_.below(1000) * 1us);
        }
    }

    // --- those who wait

    Task<> pop_all_the_time() {
        while (!ending_) {
            try {
                auto stream = co_await connect();
                co_await pop_for_a_while(std::move(stream));
            } catch (const eddy::EndOfStream&) {
                check(ending_, "a connection ended before its time");
            } catch (const eddy::IoError&) {
                check(ending_, "nobody listens before the time");
            }
        }
    }

    Task<> pop_for_a_while(eddy::TcpStream stream) {
        Reader reader(stream);
        const std::uint64_t rounds = chance_.below(30);
        for (std::uint64_t i = 0; i < rounds; ++i) {
            co_await ask(stream, true, a_timeout());
            const resp::Reply reply = co_await resp::read_reply(reader);
            note(reply);
        }
        switch (chance_.below(4)) {
            case 0:
                co_await leave_by_the_half(stream, reader);
                break;
            case 1:
                co_await ask(stream, false, "0");
                co_await eddy::sleep_for(chance_.below(2000) * 1us);
                ++resets_;
                stream.close_reset();
                break;
            case 2:
                co_await ask(stream, true, "0");
                co_await eddy::sleep_for(chance_.below(1000) * 1us);
                look_and_reset(stream);
                break;
            default:
                break;
        }
    }

    /// One request for the lists of all, or for one that nobody pushes to.
    Task<> ask(eddy::TcpStream& stream, bool shared, std::string timeout) {
        std::vector<std::string> words{"BLPOP"};
        const std::uint64_t count = 1 + chance_.below(keys);
        for (std::uint64_t i = 0; i < count; ++i) {
            words.push_back(shared ? a_key() : "nobody's");
        }
        words.push_back(std::move(timeout));
        std::string text;
        resp::add_request(text, words);
        co_await stream.write_all(std::string_view(text));
    }

    /// Says nothing more, and reads what it is still given.
    Task<> leave_by_the_half(eddy::TcpStream& stream, Reader& reader) {
        ++half_closes_;
        co_await ask(stream, true, "0");
        co_await eddy::sleep_for(chance_.below(1000) * 1us);
        co_await stream.shutdown();
        while (true) {
            const auto bytes = co_await reader.peek();
            if (bytes.empty()) {
                break;
            }
            const resp::Reply reply = co_await resp::read_reply(reader);
            note(reply);
        }
    }

    /// Takes what it was given while nobody can give it anything, and resets.
    void look_and_reset(eddy::TcpStream& stream) {
        ++resets_;
        ++looks_;
        server_.stop();
        while (net_check::under_way(port_, stream.local_address().port()) != 0) {
        }
        std::string text(4096, '\0');
        const ssize_t length =
            recv(static_cast<int>(stream.native_handle()), text.data(), text.size(), MSG_DONTWAIT);
        text.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
        if (!text.empty() && text != "*-1\r\n") {  // that if the server ends
            const std::size_t begin = text.find("item:");
            check(begin != std::string::npos && text.ends_with("\r\n"), "a whole answer: " + text);
            received(text.substr(begin, text.size() - begin - 2));
            ++found_;
        }
        stream.close_reset();
        server_.go_on();
    }

    void note(const resp::Reply& reply) {
        if (reply.kind != '0') {
            check(reply.kind == '*' && reply.words.size() == 2, "a pop is answered by an item");
            received(reply.words[1]);
        }
    }
    void received(const std::string& item) {
        check(received_.insert(item).second, item + " came twice");
    }
    [[nodiscard]] std::string a_key() { return "list:" + std::to_string(chance_.below(keys)); }
    [[nodiscard]] std::string a_timeout() { return "0.00" + std::to_string(1 + chance_.below(9)); }

    const net_check::Program& server_;
    std::uint16_t port_;
    Chance chance_;
    bool ending_ = false;
    std::set<std::string> pushed_;
    std::set<std::string> received_;
    std::uint64_t connections_ = 0;
    std::uint64_t half_closes_ = 0;
    std::uint64_t resets_ = 0;
    std::uint64_t looks_ = 0;
    std::uint64_t found_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
    if (count < 2 || count > 4) {
        std::cerr << "usage: resp_chaos RESP_SERVER [SECONDS [SEED]]\n";
        return 2;
    }
    try {
        const auto seconds = std::chrono::duration<double>(count > 2 ? std::stod(arguments[2]) : 2);
        const std::uint64_t seed = count > 3 ? std::stoull(arguments[3]) : 1;
        alarm(static_cast<unsigned>(seconds.count()) + 60);
        net_check::Program server({arguments[1], "--port", "0"});
        Chaos chaos(server, server.port(), seed);
        eddy::run(chaos.run(std::chrono::duration_cast<eddy::Duration>(seconds)));
        const std::string last = server.line();
        chaos.settle(last);
        check(server.exit_code() == 0, "SIGTERM ends it well");
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
    return 0;
}
