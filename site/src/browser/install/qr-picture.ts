import encodeQR from "qr";

const SCALE = 6;

/** A text as a QR code to point a camera at. */
export function qrPicture(text: string): HTMLCanvasElement {
  const modules = encodeQR(text, "raw", { ecc: "low", border: 4 });
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = modules.length * SCALE;
  canvas.className = "qr";
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "QR code of the address below");
  const context = canvas.getContext("2d");
  if (context === null) return canvas;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = "#000";
  for (const [y, row] of modules.entries()) {
    for (const [x, dark] of row.entries()) if (dark) context.fillRect(x * SCALE, y * SCALE, SCALE, SCALE);
  }
  return canvas;
}
