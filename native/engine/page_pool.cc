#include "page_pool.h"

#include <string>

#include "error.h"

namespace retrace {

page_pool::page_pool(int32_t pages) {
  if (pages < 0)
    throw error(error_code::internal, "page pool: " + std::to_string(pages) + " pages, expected 0 or more");
  references_.assign(pages, 0);
  // Room for all from the start: `release` then allocates nothing and cannot fail in the middle of a clean-up.
  free_.reserve(pages);
  for (int32_t page = pages; page-- > 0;) free_.push_back(page);
}

int32_t page_pool::take() {
  if (free_.empty()) {
    error missing(error_code::capacity, "page pool: all " + std::to_string(pages()) + " pages are in use; evict first");
    missing.needed = 1;
    missing.available = 0;
    throw missing;
  }
  // The page that came free last: its rows are the likeliest to be in a cache still.
  const int32_t page = free_.back();
  free_.pop_back();
  references_[page] = 1;
  return page;
}

void page_pool::retain(int32_t page) {
  if (page < 0 || page >= pages() || references_[page] == 0)
    throw error(error_code::internal, "page pool: page " + std::to_string(page) + " is retained, but it is not in use");
  ++references_[page];
}

void page_pool::release(int32_t page) {
  // A second release would put the page on the free list twice, and two paths would write into it.
  if (page < 0 || page >= pages() || references_[page] == 0)
    throw error(error_code::internal, "page pool: page " + std::to_string(page) + " is released, but it is not in use");
  if (--references_[page] == 0) free_.push_back(page);
}

}  // namespace retrace
