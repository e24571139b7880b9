"""The JavaScript sandbox: `runner` and what it stands on run in the product's process, `child` in processes of its
own that can do nothing but compute and exchange messages, `js` and `vendor` inside the engine."""
