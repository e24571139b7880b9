"""Do the tests notice when the engine is wrong? `python -m tests.mutation` changes it in many small ways and looks."""
