"""From raw files to clean canonical tables, and from these to a coded dataset; remembered by content.

    source --streams--> pieces --staged--> canonical rows, checked, a file a piece
        --settled--> users, items; the events month by month --published--> a folder

`prepare` fills a folder, `load` a dataset. Everything in between lies in the folder's `.staged` under the
fingerprint of what it was made of, so that nothing is done twice.
"""

from pipeline.preparation.loading import Prepared, load
from pipeline.preparation.preparing import Outcome, prepare

__all__ = ["Outcome", "Prepared", "load", "prepare"]
