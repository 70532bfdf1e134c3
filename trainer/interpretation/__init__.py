"""What attacks and networks do, measured: fields of displacement, saliency maps, loss landscapes;
definitions, signs and sources are in docs/interpretation.md."""
