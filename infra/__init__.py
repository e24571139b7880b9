"""What is deployed and how: templates, packaging, deployment. Not part of the deployed zip."""
