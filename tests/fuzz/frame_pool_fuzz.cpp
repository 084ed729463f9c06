// SPDX-License-Identifier: MIT
// The pool that coroutine frames come from, as a heap.
//
// Laws:
// - a block is aligned as by `operator new` and overlaps no other that is alive;
// - what is written into it stays until it is given back, whatever becomes of others;
// - it may come back on another thread, also on one that ends at once: nothing is leaked, and
//   nothing is freed twice (the leak checker looks).
//
// Mistakes: wrong_size double_use
#define EDDY_FRAME_POOL 1  // with sanitizers too: each file decides for itself

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <eddy/detail/frame_pool.hpp>

#include "fuzz.hpp"

using eddy::detail::FramePool;
using eddy::fuzz::Bytes;

namespace {

struct Block {
    std::uint8_t* memory;
    std::size_t size;
    std::uint8_t filled;
};

class Model final {
public:
    explicit Model(Bytes& input) noexcept : input_(input) {}
    Model(const Model&) = delete;
    Model& operator=(const Model&) = delete;
    ~Model() {
        while (!alive_.empty()) {
            release(alive_.begin()->first);
        }
    }

    void step() {
        switch (const std::uint8_t what = input_.take_u8(); what % 8) {
            case 0:
            case 1:
            case 2:
                allocate(size(what));
                break;
            case 3:
            case 4:
                if (!alive_.empty()) {
                    release(any());
                }
                break;
            case 5:
                again();
                break;
            case 6:
                crowd(size(what), input_.take_u8());
                break;
            default:
                elsewhere();
        }
    }

private:
    /// Often one that there has been, or one beside the edge of a class.
    [[nodiscard]] std::size_t size(std::uint8_t what) {
        const std::uint8_t byte = input_.take_u8();
        switch (what / 64) {
            case 0:
                return byte;
            case 1:
                return byte % 65 * FramePool::granularity + 8 - byte / 128U;
            case 2:
                return 900U + byte;
            default:
                return sizes_.empty() ? byte * 64U : sizes_[byte % sizes_.size()];
        }
    }

    [[nodiscard]] std::uint8_t* any() {
        auto found = alive_.begin();
        std::advance(found, static_cast<std::ptrdiff_t>(input_.pick_index(alive_.size())));
        return found->first;
    }

    std::uint8_t* allocate(std::size_t size) {
        auto* const memory = static_cast<std::uint8_t*>(FramePool::allocate(size));
        FUZZ_REQUIRE(memory != nullptr);
        FUZZ_REQUIRE(reinterpret_cast<std::uintptr_t>(memory) % alignof(std::max_align_t) == 0);
        const auto after = alive_.lower_bound(memory);
        FUZZ_REQUIRE(after == alive_.end() ||
                     memory + std::max<std::size_t>(size, 1) <= after->first);
        if (after != alive_.begin()) {
            const Block& before = std::prev(after)->second;
            FUZZ_REQUIRE(before.memory + std::max<std::size_t>(before.size, 1) <= memory);
        }
        fill(memory, size);
        if (sizes_.size() < 16) {
            sizes_.push_back(size);
        }
        return memory;
    }

    void fill(std::uint8_t* memory, std::size_t size) {
        const auto filled = static_cast<std::uint8_t>(++count_);
        std::fill_n(memory, size, filled);
        alive_[memory] = {memory, size, filled};
    }

    void check(const Block& block) const {
        const auto is_right = [&](std::uint8_t byte) { return byte == block.filled; };
        FUZZ_REQUIRE(std::all_of(block.memory, block.memory + block.size, is_right));
    }

    void release(std::uint8_t* memory) {
        const Block block = alive_.at(memory);
        check(block);
        alive_.erase(memory);
        const bool wrong = eddy::fuzz::planted("wrong_size") && block.size > 16;
        FramePool::release(block.memory, block.size + (wrong ? 32 : 0));
        if (eddy::fuzz::planted("double_use")) {
            alive_[memory] = block;
            check(block);
            alive_.erase(memory);
        }
    }

    void again() {
        for (const auto& [memory, block] : alive_) {
            check(block);
        }
        if (!alive_.empty()) {
            const Block block = alive_.at(any());
            release(block.memory);
            allocate(block.size);
        }
    }

    /// More than a class keeps, if the byte is large.
    void crowd(std::size_t size, std::uint8_t byte) {
        size = std::min<std::size_t>(size, 256);
        const std::size_t count = byte < 255 || crowded_ ? byte % 64U : FramePool::max_cached + 8;
        crowded_ = crowded_ || count > 64;
        std::vector<std::uint8_t*> blocks;
        for (std::size_t i = 0; i < count; ++i) {
            blocks.push_back(allocate(size));
        }
        const bool backwards = input_.flag();
        for (std::size_t i = 0; i < count; ++i) {
            release(blocks[backwards ? count - 1 - i : i]);
        }
    }

    /// On a thread of its own: some of ours go, some of its stay.
    void elsewhere() {
        if (threaded_) {  // they are dear
            return;
        }
        threaded_ = true;
        const std::uint8_t byte = input_.take_u8();
        std::thread thread([this, byte] {
            std::vector<std::uint8_t*> own;
            for (unsigned i = 0; i < byte % 16U; ++i) {
                own.push_back(allocate(size(byte)));
            }
            for (unsigned i = 0; i < byte / 16U && !alive_.empty(); ++i) {
                release(any());
            }
        });
        thread.join();
    }

    Bytes& input_;
    std::map<std::uint8_t*, Block> alive_;
    std::vector<std::size_t> sizes_;
    std::uint64_t count_ = 0;
    bool threaded_ = false;
    bool crowded_ = false;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    Model model(input);
    while (!input.empty()) {
        model.step();
    }
    return 0;
}
