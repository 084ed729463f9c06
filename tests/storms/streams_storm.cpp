// SPDX-License-Identifier: MIT
// Connections whose ends do anything, at any moment: read, write, in parts, in a select, with a
// scope that is cancelled; split, shut down, drop a half, close, reset, from other jobs, too. What
// arrives is what was sent, from its beginning and without a gap, and every job comes to an end.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "storm.hpp"

namespace {

using eddy::Task;
using Random = std::mt19937;

std::byte pattern(std::uint64_t place) {
    return static_cast<std::byte>((place * 2654435761U) >> 13U);
}

struct Tally {
    std::size_t rounds = 0;
    std::size_t wrong_bytes = 0;
    std::size_t wrong_errors = 0;
    std::uint64_t bytes = 0;
    std::size_t cancelled = 0;
    std::size_t broken = 0;
    std::size_t closed = 0;
};

/// One direction of a connection.
struct Line {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
};

/// What may come out of an operation. True: there is no point in another one.
bool ended_by_error(Tally& tally) {
    try {
        throw;
    } catch (const eddy::Cancelled&) {
        ++tally.cancelled;
        throw;
    } catch (const eddy::BusyResource&) {
        return false;
    } catch (const eddy::BrokenResource&) {
        ++tally.broken;
    } catch (const eddy::ClosedResource&) {
        ++tally.closed;
    } catch (...) {
        ++tally.wrong_errors;
    }
    return true;
}

template <class S>
Task<std::size_t> write_once(S& stream, std::uint64_t from, Random& random) {
    std::vector<std::byte> bytes(1 + random() % (random() % 2 == 0 ? 30 : 90'000));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = pattern(from + i);
    }
    const std::span<const std::byte> all(bytes);
    const auto way = random() % 3;
    if (way == 0) {
        co_return co_await stream.write_some(all);
    }
    if (way == 1) {
        co_await stream.write_all(all);
    } else {
        const std::size_t cut = random() % bytes.size();
        const std::span<const std::byte> parts[] = {all.first(cut), all.subspan(cut)};
        co_await stream.write_all(std::span<const std::span<const std::byte>>(parts));
    }
    co_return bytes.size();
}

/// For some turns, now and then.
Task<> pause(Random& random) {
    for (auto turns = random() % 3 == 0 ? random() % 6 : 0; turns != 0; --turns) {
        co_await eddy::yield();
    }
}

/// Until an error ends it, or it has had enough. A write that was cancelled and did not happen is
/// made again; one that was cancelled halfway leaves a stream that says so.
template <class S>
Task<> writes(S& stream, Line& line, Random random, Tally& tally) {
    for (auto left = random() % 12; left != 0; --left) {
        co_await pause(random);
        bool over = false;
        try {
            if (random() % 4 == 0) {
                const auto count =
                    co_await eddy::move_on_after(std::chrono::microseconds(random() % 60),
                                                 write_once(stream, line.sent, random));
                line.sent += count.value_or(0);
            } else {
                const std::size_t count = co_await write_once(stream, line.sent, random);
                line.sent += count;
            }
        } catch (...) {
            over = ended_by_error(tally);
        }
        if (over) {
            break;
        }
    }
}

Task<> some_turns(std::size_t turns) {
    for (std::size_t i = 0; i < turns; ++i) {
        co_await eddy::yield();
    }
}

/// Zero: the end, or nothing this time.
template <class S>
Task<std::size_t> read_once(S& stream, std::span<std::byte> into, Random& random, bool& end) {
    if (random() % 3 == 0) {
        const auto first = co_await eddy::select(stream.read_some(into), eddy::yield());
        if (first.index() != 0) {
            co_return 0;
        }
        const std::size_t count = std::get<0>(first);
        end = count == 0;
        co_return count;
    }
    const std::size_t count = co_await stream.read_some(into);
    end = count == 0;
    co_return count;
}

template <class S>
Task<> reads(S& stream, Line& line, Random random, Tally& tally) {
    bool over = false;
    while (!over) {
        co_await pause(random);
        std::vector<std::byte> buffer(1 + random() % (random() % 2 == 0 ? 30 : 90'000));
        try {
            const std::size_t count = co_await read_once(stream, buffer, random, over);
            for (std::size_t i = 0; i < count; ++i) {
                tally.wrong_bytes += buffer[i] == pattern(line.received + i) ? 0U : 1U;
            }
            line.received += count;
        } catch (...) {
            over = ended_by_error(tally);
        }
    }
}

template <class S>
Task<> shuts_down(S& stream, Tally& tally) {
    try {
        co_await stream.shutdown();
    } catch (...) {
        static_cast<void>(ended_by_error(tally));
    }
}

/// Of the end whose stream is whole. It is closed at some time, or left to the jobs to finish.
template <class S>
Task<> run_whole(
    eddy::TaskGroup& group, S& stream, Line& out, Line& in, Random& random, Tally& tally) {
    auto writing = group.spawn(writes(stream, out, Random(random()), tally));
    auto reading = group.spawn(reads(stream, in, Random(random()), tally));
    co_await some_turns(random() % 40);
    switch (random() % 6) {
        case 0:
            stream.close();
            break;
        case 1:
            stream.close_reset();
            break;
        case 2:
            writing.cancel();
            break;
        case 3:
            reading.cancel();
            co_await reading.wait();
            stream.close();
            break;
        default:
            break;
    }
    co_await writing.wait();
    if (random() % 2 == 0) {
        co_await shuts_down(stream, tally);
    } else {
        stream.close();
    }
    co_await some_turns(random() % 40);
    stream.close();
    co_await reading.wait();
}

/// Of the end that is split: each half has an owner, who may drop it.
template <class R, class W>
Task<> run_halves(eddy::TaskGroup& group,
                  std::optional<R>& reader,
                  std::optional<W>& writer,
                  Line& out,
                  Line& in,
                  Random& random,
                  Tally& tally) {
    auto writing = group.spawn(writes(*writer, out, Random(random()), tally));
    auto reading = group.spawn(reads(*reader, in, Random(random()), tally));
    co_await some_turns(random() % 40);
    if (random() % 3 == 0) {
        writing.cancel();
    }
    co_await writing.wait();
    if (random() % 3 == 0) {
        co_await shuts_down(*writer, tally);
    }
    writer.reset();
    co_await some_turns(random() % 40);
    if (random() % 3 == 0) {
        reading.cancel();
        co_await reading.wait();
        reader.reset();
    } else {
        co_await eddy::move_on_after(std::chrono::milliseconds(2), reading.wait());
        reading.cancel();
        co_await reading.wait();
    }
}

template <class S>
Task<> any_end(S stream, Line& out, Line& in, Random random, Tally& tally) {
    if (random() % 3 == 0) {
        auto halves = std::move(stream).split();
        std::optional reader(std::move(halves.first));
        std::optional writer(std::move(halves.second));
        co_await eddy::with_task_group([&](eddy::TaskGroup& group) {
            return run_halves(group, reader, writer, out, in, random, tally);
        });
    } else {
        co_await eddy::with_task_group([&](eddy::TaskGroup& group) {
            return run_whole(group, stream, out, in, random, tally);
        });
    }
}

template <class S>
Task<> connection(S one, S other, unsigned seed, Tally& tally) {
    Random random(seed);
    Line there;
    Line back;
    auto first = eddy::spawn(any_end(std::move(one), there, back, Random(random()), tally));
    auto second = eddy::spawn(any_end(std::move(other), back, there, Random(random()), tally));
    if (random() % 8 == 0) {
        co_await some_turns(random() % 60);
        first.cancel();  // as a whole, and its stream goes
    }
    co_await first.wait();
    co_await second.wait();
    tally.bytes += there.received + back.received;
    ++tally.rounds;
}

Task<> storm(std::size_t count, Tally& tally) {
    auto listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
    for (unsigned seed = 1; seed <= count; ++seed) {
        if (seed % 2 == 0) {
            auto [one, other] = eddy::UnixStream::pair();
            co_await connection(std::move(one), std::move(other), seed, tally);
        } else {
            auto client = co_await eddy::connect(listener.local_address());
            auto server = co_await listener.accept();
            co_await connection(std::move(client), std::move(server), seed, tally);
        }
    }
}

bool streams(std::size_t count) {
    Tally tally;
    eddy::run(storm(count, tally));
    std::printf("%llu KiB carried; %zu operations cancelled, %zu broken, %zu closed\n",
                static_cast<unsigned long long>(tally.bytes / 1024),
                tally.cancelled,
                tally.broken,
                tally.closed);
    bool good = storms::check(tally.rounds == count, "every connection comes to an end");
    good &= storms::check(tally.wrong_bytes == 0, "what arrives is what was sent");
    good &= storms::check(tally.wrong_errors == 0, "every error is one that the pages name");
    good &= storms::check(tally.cancelled > 0 && tally.broken > 0 && tally.closed > 0,
                          "all kinds of ends are there");
    return good;
}

const storms::Registered registered(
    {"streams", "connections whose ends do anything", 300, 50'000, streams});

}  // namespace
