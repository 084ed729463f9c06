// SPDX-License-Identifier: MIT
#include <eddy/testing/memory_stream.hpp>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include <eddy/detail/peer_gone.hpp>
#include <eddy/detail/split_mix.hpp>
#include <eddy/error.hpp>
#include <eddy/loop_bound.hpp>

namespace eddy::testing {

namespace detail {

class MemoryPipe;

/// One end, as a server's limit on silence sees it.
class MemoryWatch final : public PeerWatch {
public:
    using PeerWatch::leave;
    using PeerWatch::moved;
    using PeerWatch::throw_silent;
    using PeerWatch::wait_began;
    using PeerWatch::wait_stopped;

    MemoryPipe* in = nullptr;
    MemoryPipe* out = nullptr;

private:
    [[nodiscard]] bool waits_for_peer() const noexcept override;
    [[nodiscard]] std::size_t undelivered() const noexcept override;
    void peer_was_silent() noexcept override;
};

/// One direction: a ring of bytes between a writer and a reader.
class MemoryPipe final {
public:
    MemoryPipe(MemoryWatch& reader, MemoryWatch& writer) noexcept
        : reader_watch_(reader), writer_watch_(writer) {
        reader.in = this;
        writer.out = this;
    }

    void open(std::size_t capacity, std::optional<std::uint64_t> seed) {
        ring_.resize(capacity);
        split_ = seed.has_value();
        random_ = eddy::detail::SplitMix(seed.value_or(0));
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    // --- the reader's side ---------------------------------------------------------------------
    [[nodiscard]] bool try_read(MemoryReader& read) {
        if (read.takes_bytes_ && read.into_.empty()) {
            throw std::invalid_argument("read_some needs a span with room for a byte");
        }
        if (reader_closed_) {
            throw ClosedResource("read_some: this stream is closed");
        }
        if (reader_ != nullptr) {
            throw BusyResource("read_some: another job reads from this stream");
        }
        if (writer_silent_) {
            reader_watch_.throw_silent("read_some");
        }
        if (reset_) {
            throw eddy::detail::PeerGone("read_some: the connection was reset by the other side");
        }
        if (size_ == 0 && !ended_) {
            return false;
        }
        if (read.takes_bytes_) {
            read.length_ = pop(read.into_);
            pump();
        }
        return true;
    }
    void wait(MemoryReader& read) {
        if (try_read(read)) {
            read.commit();
        } else {
            reader_ = &read;
            reader_watch_.wait_began();
        }
    }
    void forget(MemoryReader&) noexcept {
        reader_ = nullptr;
        reader_watch_.wait_stopped();
    }
    [[nodiscard]] bool try_hang_up() const {
        if (reader_closed_) {
            throw ClosedResource("wait_hang_up: this stream is closed");
        }
        if (leaver_ != nullptr) {
            throw BusyResource("wait_hang_up: another job waits for this peer to hang up");
        }
        return ended_ || reset_ || writer_silent_;
    }
    void wait(MemoryHangUp& leaver) {
        if (try_hang_up()) {
            leaver.commit();
        } else {
            leaver_ = &leaver;
        }
    }
    void forget(MemoryHangUp&) noexcept { leaver_ = nullptr; }
    [[nodiscard]] bool read_waits() const noexcept { return reader_ != nullptr; }
    [[nodiscard]] bool write_waits() const noexcept { return writer_ != nullptr; }
    /// The side that writes here has said nothing for too long, or the one that reads.
    void writer_is_silent() noexcept {
        writer_silent_ = true;
        end_read(MemoryEnd::silent);
        end_hang_up(MemoryEnd::done);
    }
    void reader_is_silent() noexcept {
        reader_silent_ = true;
        torn_ = torn_ || writer_ != nullptr;
        end_write(MemoryEnd::silent);
    }

    void close_reader() noexcept {
        reader_closed_ = true;
        end_read(MemoryEnd::closed);
        end_hang_up(MemoryEnd::closed);
        end_write(MemoryEnd::broken);
    }

    // --- the writer's side ---------------------------------------------------------------------
    void require_writable() const {
        if (writer_closed_) {
            throw ClosedResource("write: this stream is closed");
        }
        if (writer_ != nullptr) {
            throw BusyResource("write: another job writes to this stream");
        }
        if (reader_silent_) {
            writer_watch_.throw_silent("write");
        }
        if (torn_) {
            throw BrokenResource("write: an earlier write was cancelled halfway");
        }
        if (ended_) {
            throw ClosedResource("write: this side was shut down for writing");
        }
        if (reader_closed_ || reset_) {
            throw eddy::detail::PeerGone("write: the other side is gone");
        }
    }
    [[nodiscard]] bool try_write(MemoryWrite& write) {
        require_writable();
        const std::size_t room = ring_.size() - size_;
        if (write.size_ != 0 && (write.all_ ? room < write.size_ : room == 0)) {
            return false;
        }
        push(write);
        return true;
    }
    void wait(MemoryWrite& write) {
        if (try_write(write)) {
            write.commit();
            return;
        }
        writer_ = &write;
        writer_watch_.wait_began();
        pump();
    }
    void forget(MemoryWrite& write) noexcept {
        writer_ = nullptr;
        writer_watch_.wait_stopped();
        torn_ = torn_ || write.written_ != 0;
    }

    void shut_down() {
        if (!ended_ || writer_closed_ || torn_) {
            require_writable();
            end_of_stream();
        }
    }
    void close_writer(bool reset) noexcept {
        if (writer_ != nullptr) {
            torn_ = torn_ || writer_->written_ != 0;
            end_write(MemoryEnd::closed);
        }
        writer_closed_ = true;
        if (reset || torn_) {
            break_off();
        } else {
            end_of_stream();
        }
    }
    [[nodiscard]] bool torn() const noexcept {
        return torn_ || (writer_ != nullptr && writer_->written_ != 0);
    }
    void break_off() noexcept {
        reset_ = true;
        size_ = 0;
        end_read(MemoryEnd::broken);
        end_hang_up(MemoryEnd::done);
        end_write(MemoryEnd::broken);
    }

private:
    /// Moves what can be moved between those that wait.
    void pump() noexcept {
        bool moved = true;
        while (moved) {
            moved = false;
            if (writer_ != nullptr && size_ != ring_.size()) {
                moved = true;
                push(*writer_);
                if (!writer_->all_ || writer_->left() == 0) {
                    end_write(MemoryEnd::done);
                }
            }
            if (reader_ != nullptr && size_ != 0) {
                moved = true;
                serve_reader();
            }
        }
    }
    void end_of_stream() noexcept {
        ended_ = true;
        if (reader_ != nullptr && size_ == 0) {
            end_read(MemoryEnd::done);
        }
        end_hang_up(MemoryEnd::done);
    }
    void serve_reader() noexcept {
        if (reader_->takes_bytes_) {
            reader_->length_ = pop(reader_->into_);
        }
        end_read(MemoryEnd::done);
    }
    void end_read(MemoryEnd how) noexcept {
        if (MemoryReader* read = std::exchange(reader_, nullptr)) {
            read->end_ = how;
            read->commit();
        }
    }
    void end_hang_up(MemoryEnd how) noexcept {
        if (MemoryHangUp* leaver = std::exchange(leaver_, nullptr)) {
            leaver->end_ = how;
            leaver->commit();
        }
    }
    void end_write(MemoryEnd how) noexcept {
        if (MemoryWrite* write = std::exchange(writer_, nullptr)) {
            write->end_ = how;
            write->commit();
        }
    }

    /// At most `possible`, at least one if that is not zero.
    [[nodiscard]] std::size_t chance(std::size_t possible) noexcept {
        if (!split_ || possible <= 1) {
            return possible;
        }
        return 1 + static_cast<std::size_t>(random_.next() % possible);
    }
    [[nodiscard]] std::size_t pop(std::span<std::byte> into) noexcept {
        const std::size_t length = chance(std::min(into.size(), size_));
        for (std::size_t i = 0; i < length; ++i) {
            into[i] = ring_[(head_ + i) % ring_.size()];
        }
        head_ = (head_ + length) % ring_.size();
        size_ -= length;
        if (length != 0) {
            reader_watch_.moved();
        }
        return length;
    }
    /// As much as fits, or, for `write_some`, as chance has it. Then a waiting reader reads.
    void push(MemoryWrite& write) noexcept {
        std::size_t length = std::min(write.left(), ring_.size() - size_);
        length = write.all_ ? length : chance(length);
        std::size_t skip = write.written_;
        write.written_ += length;
        if (length != 0) {
            writer_watch_.moved();
        }
        const MemoryWrite::Spans spans =
            write.many_ ? write.several_ : MemoryWrite::Spans(&write.one_, 1);
        for (const std::span<const std::byte> span : spans) {
            const std::size_t here = std::min(skip, span.size());
            skip -= here;
            for (const std::byte byte : span.subspan(here, std::min(length, span.size() - here))) {
                ring_[(head_ + size_) % ring_.size()] = byte;
                ++size_;
                --length;
            }
        }
        if (reader_ != nullptr && size_ != 0) {
            serve_reader();
        }
    }

    // Invariant: reader_ implies size_ == 0, writer_ that it has something left.
    std::vector<std::byte> ring_;
    std::size_t head_ = 0;
    std::size_t size_ = 0;
    bool ended_ = false;  // the writer shut down, or closed in good order
    bool torn_ = false;   // a write broke off halfway
    bool reset_ = false;
    bool reader_closed_ = false;
    bool writer_closed_ = false;
    bool writer_silent_ = false;  // for the reader's limit
    bool reader_silent_ = false;  // for the writer's
    bool split_ = false;
    eddy::detail::SplitMix random_{0};
    MemoryWatch& reader_watch_;
    MemoryWatch& writer_watch_;
    MemoryReader* reader_ = nullptr;
    MemoryHangUp* leaver_ = nullptr;  // on the reader's side; implies that the writer has not ended
    MemoryWrite* writer_ = nullptr;
};

/// What both ends share. Side i reads pipes[i] and writes pipes[1 - i].
struct MemoryLink final {
    LoopBound bound;
    MemoryWatch watches[2];
    MemoryPipe pipes[2] = {{watches[0], watches[1]}, {watches[1], watches[0]}};
};

bool MemoryWatch::waits_for_peer() const noexcept { return in->read_waits() || out->write_waits(); }

std::size_t MemoryWatch::undelivered() const noexcept { return out->size(); }

void MemoryWatch::peer_was_silent() noexcept {
    in->writer_is_silent();
    out->reader_is_silent();
}

namespace {

MemoryLink& checked(const std::shared_ptr<MemoryLink>& link, const char* what) {
    if (link == nullptr) {
        throw ClosedResource(std::string(what) + ": this stream is closed");
    }
    link->bound.check(what);
    return *link;
}

std::size_t total(std::span<const std::span<const std::byte>> spans) noexcept {
    std::size_t size = 0;
    for (const auto span : spans) {
        size += span.size();
    }
    return size;
}

}  // namespace

bool MemoryReader::try_now() {
    end_ = MemoryEnd::done;  // of an await before
    return checked(link_, what()).pipes[side_].try_read(*this);
}

void MemoryReader::start() { link_->pipes[side_].wait(*this); }

void MemoryReader::unlink() noexcept { link_->pipes[side_].forget(*this); }

std::size_t MemoryReader::finish() {
    if (end_ == MemoryEnd::silent) {
        link_->watches[side_].throw_silent("read_some");
    }
    if (end_ == MemoryEnd::closed) {
        throw ClosedResource("read_some: this stream was closed while a job read from it");
    }
    if (end_ == MemoryEnd::broken) {
        throw eddy::detail::PeerGone("read_some: the connection was reset by the other side");
    }
    return length_;
}

bool MemoryHangUp::try_now() {
    end_ = MemoryEnd::done;
    return checked(link_, what()).pipes[side_].try_hang_up();
}

void MemoryHangUp::start() { link_->pipes[side_].wait(*this); }

void MemoryHangUp::unlink() noexcept { link_->pipes[side_].forget(*this); }

void MemoryHangUp::take() {
    if (end_ == MemoryEnd::closed) {
        throw ClosedResource("wait_hang_up: this stream was closed while a job waited");
    }
}

MemoryWrite::MemoryWrite(std::shared_ptr<MemoryLink> link,
                         int side,
                         std::span<const std::byte> one,
                         const Spans* several,
                         bool all) noexcept
    : link_(std::move(link)),
      side_(side),
      all_(all),
      many_(several != nullptr),
      one_(one),
      several_(several != nullptr ? *several : Spans()),
      size_(several != nullptr ? total(*several) : one.size()) {}

bool MemoryWrite::try_now() {
    end_ = MemoryEnd::done;  // of an await before, which began with the first byte too
    written_ = 0;
    return checked(link_, "MemoryStream::write").pipes[1 - side_].try_write(*this);
}

void MemoryWrite::start() { link_->pipes[1 - side_].wait(*this); }

void MemoryWrite::unlink() noexcept { link_->pipes[1 - side_].forget(*this); }

std::size_t MemoryWrite::finish() {
    if (end_ == MemoryEnd::silent) {
        link_->watches[side_].throw_silent("write");
    }
    if (end_ == MemoryEnd::closed) {
        throw ClosedResource("write: this stream was closed while a job wrote to it");
    }
    if (end_ == MemoryEnd::broken) {
        throw eddy::detail::PeerGone("write: the other side is gone");
    }
    return written_;
}

bool MemoryShutdown::try_now() {
    checked(link_, "MemoryStream::shutdown").pipes[1 - side_].shut_down();
    return true;
}

}  // namespace detail

// --- the stream --------------------------------------------------------------------------------

std::pair<MemoryStream, MemoryStream> memory_stream_pair(const MemoryOptions& options) {
    if (options.capacity == 0) {
        throw std::invalid_argument("a memory stream needs a capacity of at least one byte");
    }
    auto link = std::make_shared<detail::MemoryLink>();
    std::optional<std::uint64_t> seed = options.seed;
    for (detail::MemoryPipe& pipe : link->pipes) {
        pipe.open(options.capacity, seed);
        if (seed) {
            seed = *seed ^ 0x5851f42d4c957f2dULL;
        }
    }
    return {MemoryStream(link, 0), MemoryStream(link, 1)};
}

MemoryStream::~MemoryStream() { end(false); }

detail::MemoryRead MemoryStream::read_some(std::span<std::byte> into) {
    return detail::MemoryRead(link_, side_, into);
}
detail::MemoryReadable MemoryStream::wait_readable() {
    return detail::MemoryReadable(link_, side_);
}
detail::MemoryHangUp MemoryStream::wait_hang_up() { return detail::MemoryHangUp(link_, side_); }
detail::MemoryWriteSome MemoryStream::write_some(std::span<const std::byte> bytes) {
    return detail::MemoryWriteSome(link_, side_, bytes);
}
detail::MemoryWriteAll MemoryStream::write_all(std::span<const std::byte> bytes) {
    return detail::MemoryWriteAll(link_, side_, bytes);
}
detail::MemoryWriteAll MemoryStream::write_all(
    std::span<const std::span<const std::byte>> several) {
    return detail::MemoryWriteAll(link_, side_, {}, &several);
}
detail::MemoryWriteAll MemoryStream::write_all(std::string_view text) {
    return detail::MemoryWriteAll(link_, side_, std::as_bytes(std::span(text)));
}
detail::MemoryShutdown MemoryStream::shutdown() { return detail::MemoryShutdown(link_, side_); }

void MemoryStream::close() {
    if (link_ != nullptr) {
        link_->bound.check("MemoryStream::close");
        end(false);
    }
}

void MemoryStream::close_reset() {
    if (link_ != nullptr) {
        link_->bound.check("MemoryStream::close_reset");
        end(true);
    }
}

void MemoryStream::end(bool reset) {
    if (const auto link = std::move(link_)) {
        detail::MemoryPipe& in = link->pipes[side_];
        detail::MemoryPipe& out = link->pipes[1 - side_];
        const bool rude = reset || out.torn() || in.size() != 0;
        link->watches[side_].leave();
        in.close_reader();
        out.close_writer(rude);
    }
}

PeerWatch& MemoryStream::peer_watch() {
    return detail::checked(link_, "MemoryStream::peer_watch").watches[side_];
}

std::size_t MemoryStream::readable() const {
    return link_ != nullptr ? link_->pipes[side_].size() : 0;
}

}  // namespace eddy::testing
