"""Makes the sample inbox, and signed documents for tests and benchmarks.

Everything here is invented: the agency, the people, the certificates. The product never imports it.
"""

from __future__ import annotations

from samples.making.variants import Variant, variants

__all__ = ["Variant", "variants"]
