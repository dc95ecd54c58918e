"""What computing each thing once is worth, measured against the loop that one writes today."""
