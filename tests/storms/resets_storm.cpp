// SPDX-License-Identifier: MIT
// One end of a connection resets it after any number of bytes, while the other reads, writes, does
// both, or has one direction closed already. The other end gets a value, never a signal, and the
// same value again whatever it tries next.
#include <algorithm>
#include <cstdio>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/run.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>

#include "storm.hpp"

namespace {

using eddy::Task;
using Random = std::mt19937;

enum class Victim : unsigned { reads, writes, does_both, has_shut_down, was_shut_down };
constexpr unsigned victims = 5;

/// How an operation ended.
enum class End : unsigned { done, eof, broken, other };

struct Tally {
    std::size_t broken[victims] = {};
    std::size_t wrong = 0;
    std::size_t not_lasting = 0;  // a broken stream that was well again
};

/// Reads until the stream is no more. A prefix of what was sent has come, or all of it.
template <class S>
Task<End> read_out(S& stream, std::size_t sent) {
    std::vector<std::byte> buffer(4096);
    End end = End::done;
    try {
        std::size_t received = 0;
        std::size_t count = 1;
        while (count != 0) {
            count = co_await stream.read_some(buffer);
            received += count;
        }
        end = received <= sent ? End::eof : End::other;
    } catch (const eddy::BrokenResource&) {
        end = End::broken;
    } catch (...) {
        end = End::other;
    }
    co_return end;
}

/// Writes until nobody takes it any more; in several spans now and then.
template <class S>
Task<End> write_on(S& stream, Random random) {
    const std::vector<std::byte> block(50'000);
    const std::span<const std::byte> parts[] = {block, block};
    End end = End::done;
    try {
        while (true) {
            if (random() % 2 == 0) {
                co_await stream.write_all(block);
            } else {
                co_await stream.write_all(std::span<const std::span<const std::byte>>(parts));
            }
        }
    } catch (const eddy::BrokenResource&) {
        end = End::broken;
    } catch (...) {
        end = End::other;
    }
    co_return end;
}

/// Done, or broken already.
template <class S>
Task<End> shut_down(S& stream) {
    End end = End::done;
    try {
        co_await stream.shutdown();
    } catch (const eddy::BrokenResource&) {
        end = End::broken;
    } catch (...) {
        end = End::other;
    }
    co_return end;
}

/// The end that resets: says, or hears, so many bytes before.
template <class S>
Task<> reset_after(S stream, Victim victim, std::size_t bytes) {
    const bool hears = victim == Victim::writes || victim == Victim::was_shut_down;
    if (victim == Victim::was_shut_down) {
        co_await stream.shutdown();
    }
    if (hears) {
        std::vector<std::byte> buffer(4096);
        for (std::size_t left = bytes; left != 0;) {
            const auto into = std::span(buffer).first(std::min(left, buffer.size()));
            left -= co_await stream.read_some(into);
        }
    } else {
        const std::vector<std::byte> words(bytes);
        co_await stream.write_all(words);
    }
    stream.close_reset();
}

/// A Unix socket has no reset of its own: its peer may see the end.
template <class S>
constexpr bool may_end = std::is_same_v<S, eddy::UnixStream>;

template <class S>
Task<> suffer(S stream, Victim victim, std::size_t bytes, Random random, Tally& tally) {
    End read = End::broken;
    End written = End::broken;
    switch (victim) {
        case Victim::reads:
            read = co_await read_out(stream, bytes);
            break;
        case Victim::writes:
            written = co_await write_on(stream, random);
            break;
        case Victim::does_both: {
            auto writing = eddy::spawn(write_on(stream, random));
            read = co_await read_out(stream, bytes);
            written = co_await writing;
            break;
        }
        case Victim::has_shut_down:
            written = co_await shut_down(stream);
            read = co_await read_out(stream, bytes);
            written = written == End::done ? End::broken : written;
            break;
        case Victim::was_shut_down:
            read = co_await read_out(stream, 0);
            written = co_await write_on(stream, random);
            break;
    }
    const bool eof = victim == Victim::was_shut_down;  // or a reset that was faster
    const bool as_it_should = (read == End::broken || ((eof || may_end<S>) && read == End::eof)) &&
                              written == End::broken;
    ++(as_it_should ? tally.broken[static_cast<unsigned>(victim)] : tally.wrong);
    if (read == End::broken || written == End::broken) {
        const End again = co_await read_out(stream, bytes);
        tally.not_lasting += again == End::broken || again == End::eof ? 0U : 1U;
    }
    if (victim != Victim::has_shut_down && !may_end<S>) {
        const End again = co_await write_on(stream, random);
        tally.not_lasting += again == End::broken ? 0U : 1U;
    }
}

template <class S>
Task<> both_ends(S one, S other, unsigned seed, Tally& tally) {
    Random random(seed);
    const auto victim = static_cast<Victim>(seed % victims);
    const std::size_t bytes = random() % 3 == 0 ? random() % 50 : random() % 60'000;
    if (random() % 2 == 0) {
        std::swap(one, other);  // who connected may be either
    }
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(reset_after(std::move(one), victim, bytes));
        group.spawn(suffer(std::move(other), victim, bytes, random, tally));
        co_return;
    });
}

Task<> over_tcp(eddy::TcpListener& listener, unsigned seed, Tally& tally) {
    eddy::TcpStream client = co_await eddy::connect(listener.local_address());
    eddy::TcpStream server = co_await listener.accept();  // somebody's: each takes one
    co_await both_ends(std::move(client), std::move(server), seed, tally);
}

Task<> storm(std::size_t count, Tally& tally) {
    eddy::TcpListener listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
    for (unsigned seed = 0; seed < count; ++seed) {
        if (seed % 4 == 3) {
            auto [one, other] = eddy::UnixStream::pair();
            co_await both_ends(std::move(one), std::move(other), seed, tally);
        } else {
            co_await over_tcp(listener, seed, tally);
        }
    }
}

bool resets(std::size_t count) {
    Tally tally;
    eddy::run(storm(count, tally));
    std::size_t sum = 0;
    bool good = true;
    const char* const names[] = {"reads", "writes", "both", "has shut down", "was shut down"};
    for (unsigned i = 0; i < victims; ++i) {
        std::printf("%-14s %zu\n", names[i], tally.broken[i]);
        good &= storms::check(tally.broken[i] >= count / victims, "every victim gets a value");
        sum += tally.broken[i];
    }
    good &= storms::check(sum + tally.wrong == count && tally.wrong == 0, "the right value");
    good &= storms::check(tally.not_lasting == 0, "what is broken stays so");
    return good;
}

const storms::Registered registered({"resets", "connections reset", 1'000, 10'000, resets});

}  // namespace
