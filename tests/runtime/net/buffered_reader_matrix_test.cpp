// SPDX-License-Identifier: MIT
// Every wait of a reader, and of a writer of frames, in the matrix: over a stream whose operations
// can be selected, first with nothing there, then with a part; and over one whose reads are tasks.
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/framed.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/wait_matrix.hpp>

namespace {

using namespace eddy::testing;
using eddy::BufferedReader;
using eddy::FrameReader;
using eddy::FrameWriter;
using eddy::Task;

/// A stream of a user's that was written before operations could be made of others.
class TaskStream final {
public:
    explicit TaskStream(MemoryStream& stream) noexcept : stream_(stream) {}
    Task<std::size_t> read_some(std::span<std::byte> into) {
        co_return co_await stream_.read_some(into);
    }

private:
    MemoryStream& stream_;
};

void write_now(MemoryStream& to, std::string_view text) {
    auto write = to.write_all(text);
    CHECK(write.try_now());
    write.take();
}

/// What a read waits for, and how much of it is there before.
struct Text {
    std::string_view before;
    std::string_view rest;
};

/// A connection with a reader at its end.
template <class S, class Reader>
struct Connection {
    std::pair<MemoryStream, MemoryStream> streams = memory_stream_pair();
    S stream{streams.second};
    Reader reader{stream};
};
template <class Reader>
struct Connection<MemoryStream, Reader> {
    std::pair<MemoryStream, MemoryStream> streams = memory_stream_pair();
    Reader reader{streams.second};
};

/// It waits on one fixture from two jobs at once, but a reader has one: so each wait has a
/// connection of its own, and `complete` serves all. `Operation` makes the operation of a reader,
/// and takes what that leaves.
template <class S, class Operation>
struct ReadingFixture {
    using Reader = typename Operation::template Reader<S>;
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;  // as far as a cancellation can tell

    explicit ReadingFixture(VirtualClock&) {
        for (auto& each : connections) {
            each = std::make_unique<Connection<S, Reader>>();
            write_now(each->streams.first, Operation::text.before);
        }
    }

    Task<> prepare() { co_return; }
    Task<> wait() { return read(*connections[next++ % 2]); }
    Task<> wait_again() { return read(*connections[2]); }
    void complete() {
        for (auto& each : connections) {
            write_now(each->streams.first, owed);
        }
        owed = whole;
    }
    [[nodiscard]] bool intact() {
        bool idle = true;
        for (auto& each : connections) {
            idle = idle && Operation::idle(each->reader);
        }
        return idle;
    }

    std::array<std::unique_ptr<Connection<S, Reader>>, 3> connections;
    std::string whole = std::string(Operation::text.before) + std::string(Operation::text.rest);
    std::string_view owed = Operation::text.rest;
    std::size_t next = 0;

private:
    static Task<> read(Connection<S, Reader>& from) {
        Operation operation;
        if constexpr (Operation::gives) {
            static_cast<void>(co_await operation.make(from.reader));
        } else {
            co_await operation.make(from.reader);
        }
        operation.take(from.reader);
    }
};

/// With `operation()`, which is awaited again and given to `select`.
template <class Operation>
struct SelectableFixture : ReadingFixture<MemoryStream, Operation> {
    using ReadingFixture<MemoryStream, Operation>::ReadingFixture;
    auto operation() { return again.make(this->connections[0]->reader); }
    void took() { again.take(this->connections[0]->reader); }
    Operation again;
};
template <class Operation>
struct TaskFixture : ReadingFixture<TaskStream, Operation> {
    using ReadingFixture<TaskStream, Operation>::ReadingFixture;
    static constexpr bool commits_at_once = false;
};

// --- the operations ----------------------------------------------------------------------------

struct OfBytes {
    static constexpr bool gives = true;
    template <class S>
    using Reader = BufferedReader<S>;
    static bool idle(auto& reader) {
        try {
            reader.consume(0);  // refused while an operation reads
        } catch (const eddy::BusyResource&) {
            return false;
        }
        return true;
    }
    void take(auto& reader) { reader.consume(reader.buffered()); }
};

template <bool part>
struct Line : OfBytes {
    static constexpr Text text{part ? "li" : "", part ? "ne\r\n" : "line\r\n"};
    auto make(auto& reader) { return reader.read_line(); }
};
template <bool part>
struct Until : OfBytes {
    static constexpr Text text{part ? "until-" : "", part ? "-" : "until--"};
    auto make(auto& reader) { return reader.read_until("--"); }
};
template <bool part>
struct Exactly : OfBytes {
    static constexpr Text text{part ? "ex" : "", part ? "act" : "exact"};
    auto make(auto& reader) { return reader.read_exactly(5); }
};
template <bool part>
struct Fill : OfBytes {
    static constexpr bool gives = false;
    static constexpr Text text{part ? "fi" : "", part ? "lled" : "filled"};
    auto make(auto& reader) { return reader.read_exactly(std::span(into)); }
    std::array<std::byte, 6> into{};
};
template <bool part>
struct Peek : OfBytes {
    static constexpr Text text{part ? "pe" : "", part ? "ek" : "peek"};
    auto make(auto& reader) { return reader.peek(4); }
};
struct Some : OfBytes {
    static constexpr Text text{"", "some"};
    auto make(auto& reader) { return reader.read_some(std::span(into)); }
    std::array<std::byte, 3> into{};
};
/// It takes nothing from the stream: what is left there is read.
struct Readable : OfBytes {
    static constexpr bool gives = false;
    static constexpr Text text{"", "readable"};
    auto make(auto& reader) { return reader.wait_readable(); }
    void take(auto& reader) {
        auto peek = reader.peek(text.rest.size());
        CHECK(peek.try_now());
        reader.consume(peek.take().size());
    }
};
template <bool part>
struct Frame {
    static constexpr bool gives = true;
    template <class S>
    using Reader = FrameReader<S>;
    static constexpr std::string_view frame{"\0\0\0\5frame", 9};
    static constexpr Text text{frame.substr(0, part ? 6 : 0), frame.substr(part ? 6 : 0)};
    auto make(auto& reader) { return reader.next(); }
    static bool idle(auto& reader) {
        auto another = reader.wait_readable();  // refused while an operation reads
        try {
            if (another.try_now()) {
                another.take();
            }
        } catch (const eddy::BusyResource&) {
            return false;
        }
        return true;
    }
    void take(auto&) {}
};

using LineFixture = SelectableFixture<Line<false>>;
using PartOfLineFixture = SelectableFixture<Line<true>>;
using UntilFixture = SelectableFixture<Until<false>>;
using PartOfUntilFixture = SelectableFixture<Until<true>>;
using ExactlyFixture = SelectableFixture<Exactly<false>>;
using PartOfExactlyFixture = SelectableFixture<Exactly<true>>;
using FillFixture = SelectableFixture<Fill<false>>;
using PartOfFillFixture = SelectableFixture<Fill<true>>;
using PeekFixture = SelectableFixture<Peek<false>>;
using PartOfPeekFixture = SelectableFixture<Peek<true>>;
using SomeFixture = SelectableFixture<Some>;
using ReadableFixture = SelectableFixture<Readable>;
using FrameFixture = SelectableFixture<Frame<false>>;
using PartOfFrameFixture = SelectableFixture<Frame<true>>;

EDDY_WAIT_MATRIX("BufferedReader::read_line", LineFixture)
EDDY_WAIT_MATRIX("BufferedReader::read_line with a part", PartOfLineFixture)
EDDY_WAIT_MATRIX("BufferedReader::read_until", UntilFixture)
EDDY_WAIT_MATRIX("BufferedReader::read_until with a part", PartOfUntilFixture)
EDDY_WAIT_MATRIX("BufferedReader::read_exactly", ExactlyFixture)
EDDY_WAIT_MATRIX("BufferedReader::read_exactly with a part", PartOfExactlyFixture)
EDDY_WAIT_MATRIX("BufferedReader::read_exactly into a span", FillFixture)
EDDY_WAIT_MATRIX("BufferedReader::read_exactly into a span with a part", PartOfFillFixture)
EDDY_WAIT_MATRIX("BufferedReader::peek", PeekFixture)
EDDY_WAIT_MATRIX("BufferedReader::peek with a part", PartOfPeekFixture)
EDDY_WAIT_MATRIX("BufferedReader::read_some", SomeFixture)
EDDY_WAIT_MATRIX("BufferedReader::wait_readable", ReadableFixture)
EDDY_WAIT_MATRIX("FrameReader::next", FrameFixture)
EDDY_WAIT_MATRIX("FrameReader::next with a part", PartOfFrameFixture)

using LineTaskFixture = TaskFixture<Line<true>>;
using FillTaskFixture = TaskFixture<Fill<true>>;
using SomeTaskFixture = TaskFixture<Some>;

EDDY_WAIT_MATRIX("read_line of a stream whose reads are tasks", LineTaskFixture)
EDDY_WAIT_MATRIX("read_exactly into a span of a stream whose reads are tasks", FillTaskFixture)
EDDY_WAIT_MATRIX("read_some of a stream whose reads are tasks", SomeTaskFixture)

// --- writing -----------------------------------------------------------------------------------

/// Each stream is full, so that nothing of a message is written before `complete`.
struct SendFixture {
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;

    explicit SendFixture(VirtualClock&) {
        for (auto& each : connections) {
            each = std::make_unique<Writing>();
            write_now(each->streams.first, "full up.");
        }
    }
    Task<> prepare() { co_return; }
    auto operation() { return connections[0]->writer.send("!"); }
    Task<> wait() { return send(*connections[next++ % 2]); }
    Task<> wait_again() { return send(*connections[2]); }
    void complete() {
        for (auto& each : connections) {
            while (each->streams.second.readable() != 0) {
                std::array<std::byte, 16> buffer{};
                auto read = each->streams.second.read_some(buffer);
                CHECK(read.try_now());
                static_cast<void>(read.take());
            }
        }
    }
    [[nodiscard]] bool intact() {
        bool idle = true;
        for (auto& each : connections) {  // refused while another one writes, and when it is torn
            auto nothing = each->streams.first.write_all(std::string_view());
            idle = idle && nothing.try_now();
            nothing.take();
        }
        return idle;
    }

private:
    struct Writing {
        std::pair<MemoryStream, MemoryStream> streams = memory_stream_pair({.capacity = 8});
        FrameWriter<MemoryStream> writer{streams.first};
    };
    static Task<> send(Writing& to) { co_await to.writer.send("!"); }

    std::array<std::unique_ptr<Writing>, 3> connections;
    std::size_t next = 0;
};

EDDY_WAIT_MATRIX("FrameWriter::send", SendFixture)

}  // namespace
